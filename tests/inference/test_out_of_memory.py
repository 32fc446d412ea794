"""Memory that doesn't suffice halves what is computed at once; the numbers stay, and finished rows aren't lost."""

import logging
import sys
from collections.abc import Callable, Iterator
from subprocess import PIPE, run
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from harness._memory import out_of_memory
from harness.errors import InputError
from harness.inference import Engine, Mode
from harness.inference.room import Room

Tokens = list[list[int]]

VOCABULARY, NEW = 300, 5
CALLS = ("choose", "generate")


def draw(length: int, seed: int) -> list[int]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(VOCABULARY, (length,), generator=generator).tolist()


@pytest.fixture(scope="module")
def prompts() -> Tokens:
    """Twelve prompts of 90 to 112 tokens, of which the first 80 are the same."""
    return [draw(80, 0) + draw(10 + 2 * place, place) for place in range(12)]


@pytest.fixture(scope="module")
def choices(prompts: Tokens) -> list[Tokens]:
    return [[draw(3, 100 + place), draw(2, 200 + place), [7]] for place in range(len(prompts))]


@pytest.fixture(scope="module")
def model(lively: Callable[[Any], Any]) -> Any:
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    return lively(LlamaForCausalLM(config))


class Small:
    """A model whose device holds `most` tokens at once: with more it raises what a device raises; counts its tokens."""

    def __init__(self, model: Any, most: int, error: Callable[[], Exception]) -> None:
        self._model, self._most, self._error = model, most, error
        self._own = model.forward
        self.tokens = self.failures = 0

    def __enter__(self) -> "Small":
        self._model.forward = self._forward
        return self

    def __exit__(self, *_: object) -> None:
        self._model.forward = self._own

    def _forward(self, input_ids: Any, *asked: Any, **more: Any) -> Any:
        if input_ids.numel() > self._most:
            self.failures += 1
            raise self._error()
        self.tokens += input_ids.numel()
        return self._own(input_ids, *asked, **more)


def cuda() -> Exception:
    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def cpu() -> Exception:
    return RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 17179869184 bytes.")


@pytest.fixture
def asked(prompts: Tokens, choices: list[Tokens]) -> dict[str, Callable[[Engine], Any]]:
    """Each call, and what of its results must stay."""

    def choose(engine: Engine) -> Any:
        return [scores.loglikelihoods for scores in engine.choose(prompts, choices)]

    def generate(engine: Engine) -> Any:
        return [(one.text, one.tokens) for one in engine.generate(prompts, max_new_tokens=NEW)]

    return {"choose": choose, "generate": generate}


@pytest.mark.parametrize("error", [cuda, cpu])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("mode", list(Mode)[:3])
def test_numbers_stay_where_memory_ends(
    mode: Mode,
    call: str,
    error: Callable[[], Exception],
    model: Any,
    numbers: Any,
    asked: dict[str, Callable[[Engine], Any]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A device that holds 130 tokens says what a large one says: the mode stays, and the log tells how far it went."""
    right = asked[call](Engine(model, numbers, mode=mode))
    engine = Engine(model, numbers, mode=mode)
    with caplog.at_level(logging.INFO, "harness.inference"), Small(model, 130, error) as device:
        found = asked[call](engine)
    assert device.failures
    assert (engine.mode, engine.fallback) == (mode, "")
    assert sum("out of memory" in record.message for record in caplog.records) >= 1
    if call == "choose":
        assert all(one == pytest.approx(other, abs=1e-4) for one, other in zip(found, right, strict=True))
    else:
        assert found == right


@pytest.mark.parametrize("call", CALLS)
def test_a_second_call_does_not_fail_again(
    call: str, model: Any, numbers: Any, asked: dict[str, Callable[[Engine], Any]]
) -> None:
    """What was found to be too much isn't tried again."""
    engine = Engine(model, numbers, mode=Mode.PADDED)
    with Small(model, 250, cuda) as device:
        asked[call](engine)
        before = device.failures
        asked[call](engine)
    assert before
    assert device.failures == before


def test_no_room_for_one_row_is_told(model: Any, numbers: Any, prompts: Tokens, choices: list[Tokens]) -> None:
    """Where not even the smallest piece fits, that is bad input with a remedy, not a fall back to a slower mode."""
    for mode in (Mode.CASCADE, Mode.PADDED):
        engine = Engine(model, numbers, mode=mode)
        with Small(model, 8, cuda), pytest.raises(InputError, match=r"out of memory with one row.*--device-map auto"):
            engine.choose(prompts, choices)
        assert engine.mode is mode


def test_other_errors_are_no_matter_of_memory(model: Any, numbers: Any, prompts: Tokens) -> None:
    """What fails for another reason isn't tried again in smaller pieces."""
    engine = Engine(model, numbers, mode=Mode.PADDED)
    with (
        Small(model, 8, lambda: RuntimeError("no room for the key")) as device,
        pytest.raises(RuntimeError, match="no room for the key"),
    ):
        engine.generate(prompts, max_new_tokens=NEW)
    assert device.failures == 1


def test_finished_rows_are_kept_and_told_once() -> None:
    """After memory ended, only rows that aren't done are computed again, and each is told once."""
    room, computed, told = Room(chunk=512, rows=8, tokens=8, logits=8), [], []

    def compute(rows: Any) -> Iterator[tuple[list[int], list[int]]]:
        for begin in range(0, len(rows), room.tokens):
            part = rows[begin : begin + room.tokens]
            room.uses(tokens=len(part))
            if len(part) > 2 and 5 in part:
                raise cuda()
            computed.append(list(part))
            yield list(range(begin, begin + len(part))), [10 * row for row in part]

    rows = list(range(20))
    found = room.all(rows, compute, lambda places: told.extend(places), torch.device("cpu"))
    assert found == [10 * row for row in rows]
    assert sorted(told) == rows
    assert sorted(row for part in computed for row in part) == rows
    assert room.tokens == 2


@pytest.mark.parametrize(
    ("error", "memory"),
    [
        (cuda(), True),
        (cpu(), True),
        (MemoryError(), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("could not create a primitive"), True),
        (RuntimeError("shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_counts_as_memory(error: Exception, memory: bool) -> None:
    """Errors of devices, of torch's allocator on the CPU, of C++ libraries and of oneDNN, and no others."""
    assert out_of_memory(error) == memory


# A process whose address space ends: the first size that is tried needs more than there is.
LIMITED = """
import json, resource, torch
from pathlib import Path
from transformers import LlamaConfig, LlamaForCausalLM
from harness.inference import Engine, Mode

class Numbers:
    eos_token_id = None
    def decode(self, ids, **_):
        return " ".join(map(str, ids))

def status(name):
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))

torch.set_num_threads(1)
torch.manual_seed(0)
model = LlamaForCausalLM(LlamaConfig(
    vocab_size=500, hidden_size=32, intermediate_size=16384, num_hidden_layers=2, num_attention_heads=2,
    num_key_value_heads=1, max_position_embeddings=2048, eos_token_id=None,
)).eval()
shared = torch.randint(500, (300,)).tolist()
prompts = [shared + torch.randint(500, (200 + place,)).tolist() for place in range(12)]
choices = [torch.randint(500, (2, 2)).tolist() for _ in prompts]
sizes = dict(chunk_tokens=8192, batch_tokens=16384)

def ask(engine):
    scores = [one.loglikelihoods for one in engine.choose(prompts, choices)]
    return scores, [one.text for one in engine.generate(prompts, max_new_tokens=2)]

right = ask(Engine(model, Numbers()))
for mode, room in (("cascade", 300), ("padded", 500)):
    engine = Engine(model, Numbers(), mode=Mode(mode), **sizes)
    resource.setrlimit(resource.RLIMIT_AS, (status("VmSize") + room * 10**6, resource.RLIM_INFINITY))
    found = ask(engine)
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert engine.mode == mode, engine.fallback
    assert (engine._room.chunk, engine._room.tokens) != (8192, 16384), "memory sufficed, so this shows nothing"
    assert found[1] == right[1]
    assert max(abs(a - b) for one, other in zip(found[0], right[0]) for a, b in zip(one, other)) < 1e-4
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a process to a limit of memory")
def test_a_process_that_may_take_no_more_goes_on() -> None:
    """Where the system itself gives no more memory, the numbers are those of a process that may take more."""
    ended = run([sys.executable, "-c", LIMITED], stderr=PIPE, text=True)
    assert ended.returncode == 0, ended.stderr[-2000:]
