"""Two processes that train together: the loss curve, the weights and the errors are those of one."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from launched import FATAL
from safetensors.torch import load_file

from harness.errors import InputError
from harness.weights import Base, Example, Hardware, Recipe, check_processes, derive, read_record
from harness.weights.distributed import check_launch
from harness.weights.training.processes import Processes, trained_by

WORKER = Path(__file__).parent / "launched.py"
STRATEGIES = {"ddp": {}, "fsdp": {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"}}
ALONE = {"HARNESS_LINEAR": "torch"}  # the same kernel as in the launched processes, whose timings may choose otherwise


@dataclass(frozen=True)
class Request:
    """What is trained: by two processes, and by this one to compare with."""

    recipe: Recipe
    examples: Sequence[Example]
    validation: Sequence[Example] = ()
    unfinished: str = ""

    def as_json(self, name: str) -> dict[str, Any]:
        """As the launched processes are told."""
        return {
            "recipe": self.recipe.model_dump(mode="json"),
            "examples": [(one.prompt, one.completion, one.rejected) for one in self.examples],
            "validation": [(one.prompt, one.completion, one.rejected) for one in self.validation],
            "unfinished": self.unfinished or f"{name}.unfinished",
        }


def changed(recipe: Recipe, **training: Any) -> Recipe:
    return recipe.model_copy(update={"training": recipe.local_training.model_copy(update=training)})


@pytest.fixture(scope="module")
def requests(recipes: dict[str, Recipe], examples: list[Example]) -> dict[str, Request]:
    """Trainings by name. Nine examples in batches of four leave one for the last, and so none for one process."""
    nine, full, lora = examples[:9], recipes["full"], recipes["lora"]
    otherwise = [Example(one.prompt, (200, 201)) for one in nine[:5]]  # what training makes less likely
    fatal = [Example((FATAL, 14), (15, 0))] * 2
    return {
        "full": Request(full, nine),
        "lora": Request(lora, nine),
        "freeze": Request(recipes["freeze"], nine),
        "loreft": Request(recipes["loreft"], nine),
        "micro-batches": Request(changed(full, micro_batch_size=1, gradient_checkpointing=True), nine),
        "bf16": Request(changed(lora, bf16=True), nine),
        "stops-early": Request(
            changed(full, early_stopping=1, epochs=8, learning_rate=0.01, schedule="constant"), nine, otherwise
        ),
        "diverges": Request(changed(full, learning_rate=1e30, gradient_norm=1e30), nine),
        "afterwards": Request(changed(lora, epochs=1), nine),
        "full-resumed": Request(full, nine, unfinished="full.unfinished"),
        "one-fails": Request(lora, fatal),
    }


@pytest.fixture(scope="module", params=sorted(STRATEGIES))
def results(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, base: Base, requests: dict[str, Request]
) -> Path:
    """What two processes, launched once for all requests, left behind."""
    folder = tmp_path_factory.mktemp(request.param)
    asked = folder / "requests.json"
    asked.write_text(json.dumps({name: one.as_json(name) for name, one in requests.items()}))
    done = launch(base, folder, asked, STRATEGIES[request.param])
    (folder / "stderr.txt").write_text(done.stderr)
    return folder


def launch(base: Base, folder: Path, asked: Path, more: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Two processes of the worker, by torchrun on a free port."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.run(
        [*command, str(WORKER), str(base.path), str(folder), str(asked)],
        env={**os.environ, **ALONE, **more, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def alone(
    base: Base,
    hardware: Hardware,
    requests: dict[str, Request],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Path:
    """What one process makes of the request that the test is parametrised with."""
    monkeypatch.setenv("HARNESS_LINEAR", "torch")
    asked = requests[request.getfixturevalue("name")]
    derive(asked.recipe, base, hardware, asked.examples, tmp_path, seed=3, validation=asked.validation)
    return tmp_path


@pytest.mark.parametrize("name", ["full", "lora", "freeze", "loreft", "micro-batches"])
def test_the_loss_curve_and_the_weights_are_those_of_one_process(name: str, alone: Path, results: Path) -> None:
    """At the same global batch, to 1e-5 nats: an uneven last batch, and one process without examples, included."""
    one, two = read_record(alone), read_record(results / name)
    assert two["losses"] == pytest.approx(one["losses"], abs=1e-5)
    assert two["steps"] == one["steps"] == 6
    assert {path.name for path in alone.iterdir()} == {path.name for path in (results / name).iterdir()}
    for path in alone.glob("*.safetensors"):
        expected, found = load_file(path), load_file(results / name / path.name)
        assert expected.keys() == found.keys()
        assert max(float((expected[key] - found[key]).abs().max()) for key in expected) <= 1e-6


@pytest.mark.parametrize("name", ["bf16"])
def test_bfloat16_is_the_same_within_its_rounding(name: str, alone: Path, results: Path) -> None:
    assert read_record(results / name)["losses"] == pytest.approx(read_record(alone)["losses"], abs=0.02)


@pytest.mark.parametrize("name", ["stops-early"])
def test_all_processes_stop_early_at_the_same_epoch(name: str, alone: Path, results: Path) -> None:
    """By the validation loss of all of them."""
    one, two = read_record(alone), read_record(results / name)
    assert two["best_epoch"] == one["best_epoch"] < len(one["losses"]) < 8
    assert two["validation_losses"] == pytest.approx(one["validation_losses"], abs=1e-3)


def test_a_training_that_diverges_is_told_once_and_the_next_one_goes_on(results: Path) -> None:
    kind, told = json.loads((results / "diverges" / "error.json").read_text())
    assert kind == "DivergedError"
    assert "Lower the learning rate" in told
    assert "process" not in told
    assert read_record(results / "afterwards")["steps"] == 3


def test_the_record_says_who_trained(results: Path) -> None:
    """And so does the cache key: the sums have another order, and so other bits."""
    (strategy,) = [name for name in STRATEGIES if name in results.name]
    expected = {"processes": {"count": 2, "strategy": strategy}}
    assert read_record(results / "full") | expected == read_record(results / "full")
    assert Processes().inputs == {}


def test_an_interrupted_training_goes_on_to_the_same_weights(results: Path) -> None:
    """All processes begin with the leader's checkpoint, which is whole under FSDP too."""
    steps = json.loads((results / "full-resumed.steps.json").read_text())
    assert steps == [3, 1, 1, 1]
    whole, resumed = (load_file(results / name / "weights.safetensors") for name in ("full", "full-resumed"))
    assert all(bool((whole[name] == resumed[name]).all()) for name in whole)


def test_what_one_process_has_no_memory_for_ends_the_training_in_all(results: Path) -> None:
    """With one message, which names the process: under FSDP, where the others wait in the model, it ends the run."""
    failed = results / "one-fails" / "error.json"
    told = failed.read_text() if failed.is_file() else (results / "stderr.txt").read_text()
    assert told.count("in process 1 of 2") == 1
    assert "out of memory" in told
    if "ddp" in results.name:
        assert (results / "processes.json").is_file(), "the leader came to its end"


class Two(Processes):
    """One of two processes, for what is decided before they talk."""

    count, device_type = 2, "cpu"

    def __init__(self, *, sharded: bool) -> None:
        self.sharded = sharded


@pytest.mark.parametrize(
    ("name", "change", "sharded", "told"),
    [
        ("dpo", {}, False, "without the launcher"),
        ("qlora", {}, True, "use lora"),
        ("full", {"optimizer": "adamw-8bit"}, True, "optimizer: adamw"),
        ("freeze", {}, True, "unfreeze: none"),
    ],
    ids=["dpo", "qlora-fsdp", "8-bit-fsdp", "gradual-fsdp"],
)
def test_what_processes_cannot_train_is_refused_with_what_to_use(
    name: str, change: dict[str, Any], sharded: bool, told: str, recipes: dict[str, Recipe], hardware: Hardware
) -> None:
    recipe = changed(recipes[name], **change)
    if name == "freeze":
        recipe = recipe.model_copy(update={"settings": {"layers": 1, "unfreeze": "gradual"}})
    check_processes(recipe, hardware)
    with trained_by(Two(sharded=sharded)), pytest.raises(InputError, match=told):
        check_processes(recipe, hardware)


def test_another_device_than_the_processes_have_is_refused(full: Recipe) -> None:
    with trained_by(Two(sharded=False)), pytest.raises(InputError, match="--device"):
        check_processes(full, Hardware(torch.device("cuda"), torch.float32))


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"ACCELERATE_USE_DEEPSPEED": "true"}, "DeepSpeed"),
        ({"ACCELERATE_USE_FSDP": "true"}, "--fsdp_version 2"),
        ({**STRATEGIES["fsdp"], "FSDP_OFFLOAD_PARAMS": "true"}, "fsdp_offload_params: false"),
    ],
    ids=["deepspeed", "fsdp-1", "offloaded"],
)
def test_a_launch_that_cannot_be_trained_with_is_refused(environment: dict[str, str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        check_launch(environment)
    check_launch(STRATEGIES["fsdp"])
