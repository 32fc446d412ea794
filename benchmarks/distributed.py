"""What two processes change: the loss curve, and the memory of each, for DDP and FSDP, against one process.

    python benchmarks/distributed.py

A random Llama of about 50 million parameters is trained in full on random tokens, on CPUs (gloo). Memory is the
resident set: its peak in training less what it was when the libraries were loaded. Takes about three minutes on a core.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

PROCESSES = 2
SHARED_OUT = {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)  # given to the launched processes
    asked = parser.parse_args()
    if asked.work:
        work(asked.work)
        return
    with TemporaryDirectory() as folder:
        make_base(Path(folder) / "base")
        ways: dict[str, tuple[int, dict[str, str]]] = {
            "one process": (1, {}),
            "DDP": (PROCESSES, {}),
            "FSDP": (PROCESSES, SHARED_OUT),
        }
        measured = {name: launch(Path(folder), count, more) for name, (count, more) in ways.items()}
    show(measured)


def launch(folder: Path, count: int, more: dict[str, str]) -> list[dict[str, Any]]:
    """What each of `count` processes measured."""
    out = folder / f"out-{count}-{len(more)}"
    out.mkdir()
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    environment = {**os.environ, **more, "OMP_NUM_THREADS": "1", "HARNESS_LINEAR": "torch", "OUT": str(out)}
    environment["MALLOC_MMAP_THRESHOLD_"] = "65536"  # else glibc keeps what was freed
    subprocess.run([*command, __file__, "--work", str(folder / "base")], env=environment, check=True)
    return [json.loads(path.read_text()) for path in sorted(out.glob("*.json"))]


def make_base(folder: Path) -> None:
    """A random Llama with 53 million parameters, three quarters of them in its layers."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=12000,
        hidden_size=512,
        intermediate_size=1408,
        num_hidden_layers=13,
        num_attention_heads=8,
        max_position_embeddings=128,
        tie_word_embeddings=True,
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


def work(base: Path) -> None:
    """One of the launched processes: trains, or trains along, and writes what it measured."""
    from harness.weights.together import lead_or_follow

    memory = Memory()
    losses: list[float] = []
    with memory.watched():
        if os.environ["WORLD_SIZE"] == "1":
            losses += train(base)
        else:
            lead_or_follow(lambda: losses.extend(train(base)))
    result = {"losses": losses, "bytes": memory.peak - memory.begun, "seconds": memory.seconds / memory.steps}
    (Path(os.environ["OUT"]) / f"{os.environ['RANK']}.json").write_text(json.dumps(result))


def train(folder: Path) -> list[float]:
    """The losses of a full training: three epochs of two steps."""
    import torch

    from harness.weights import Example, Hardware, Recipe, derive, locate_base, read_record

    draw = Random(0)
    tokens = [[draw.randrange(1, 12000) for _ in range(40)] for _ in range(15)]
    examples = [Example(tuple(row[:30]), tuple(row[30 : 33 + number % 8])) for number, row in enumerate(tokens)]
    training = {"learning_rate": 1e-4, "epochs": 3, "batch_size": 8}
    recipe = Recipe.model_validate({"name": "full", "method": "full", "training": training})
    with TemporaryDirectory() as made:
        hardware = Hardware(torch.device("cpu"), torch.float32)
        derive(recipe, locate_base(str(folder)), hardware, examples, Path(made), seed=0)
        return list(read_record(Path(made))["losses"])


class Memory:
    """The resident set of this process while it takes steps, looked at every few milliseconds."""

    def __init__(self) -> None:
        import transformers  # noqa: F401 (what it takes is no matter of training)

        import harness.weights.training.loop  # noqa: F401

        self.begun, self.peak, self.steps, self.seconds = self._now(), 0, 0, 0.0
        self._stepping = self._over = False

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While entered, every step of a training is watched."""
        from harness.weights.training.state import Training

        step = Training.step

        def watched(training: Training, batch: Any) -> None:
            began, self._stepping = time.perf_counter(), True
            step(training, batch)
            self._stepping = False
            self.steps, self.seconds = self.steps + 1, self.seconds + time.perf_counter() - began

        Training.step = watched  # type: ignore[method-assign]
        sampler = threading.Thread(target=self._sample, daemon=True)
        sampler.start()
        yield
        self._over = True
        sampler.join()

    def _sample(self) -> None:
        while not self._over:
            if self._stepping:
                self.peak = max(self.peak, self._now())
            time.sleep(0.002)

    def _now(self) -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def show(measured: dict[str, list[dict[str, Any]]]) -> None:
    """A row for each way."""
    one = measured["one process"][0]["losses"]
    print(f"losses of one process: {', '.join(f'{loss:.4f}' for loss in one)}\n")
    print(f"{'':12} {'largest difference of losses':>29} {'memory of each process, MB':>27} {'s a step':>9}")
    for name, processes in measured.items():
        gap = max(abs(own - theirs) for own, theirs in zip(one, processes[0]["losses"], strict=True))
        memory = ", ".join(f"{process['bytes'] / 1e6:.0f}" for process in processes)
        print(f"{name:12} {gap:29.1e} {memory:>27} {processes[0]['seconds']:9.2f}")


if __name__ == "__main__":
    main()
