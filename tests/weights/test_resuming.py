"""Interrupted trainings: whatever they are cut off at, the files in the end are those of an uninterrupted one."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from harness.errors import InputError
from harness.weights import Base, Example, Hardware, Recipe, TrainingSettings, derive, load_model, read_record
from harness.weights.training import checkpoints, train
from harness.weights.training.checkpoints import FILE

FREEZE = {"layers": 2, "unfreeze": "gradual"}
TRAININGS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "full": ("full", {}, {"learning_rate": 1e-3}),
    "lora with dropout, in micro-batches": ("lora", {"rank": 4, "dropout": 0.3}, {"micro_batch_size": 3}),
    "lora with early stopping": (
        "lora",
        {"rank": 4},
        {"epochs": 5, "early_stopping": 1, "learning_rate": 0.03, "schedule": "constant"},
    ),
    "loreft, whose weights lie otherwise in memory": ("loreft", {"rank": 2, "first": 1, "last": 1}, {}),
    "gradual freezing with early stopping": (
        "freeze",
        FREEZE,
        {"epochs": 4, "early_stopping": 3, "learning_rate": 0.03, "schedule": "constant", "weight_decay": 0.1},
    ),
    "8-bit optimizer, recomputing": (
        "full",
        {},
        {"learning_rate": 1e-3, "optimizer": "adamw-8bit", "gradient_checkpointing": True, "bf16": True},
    ),
}


class InterruptionError(Exception):
    """What no training expects."""


@pytest.fixture(params=TRAININGS.values(), ids=TRAININGS.keys())
def recipe(request: pytest.FixtureRequest) -> Recipe:
    """Trainings with all that they may have to remember."""
    method, settings, training = request.param
    if "8bit" in training.get("optimizer", ""):
        pytest.importorskip("bitsandbytes", reason="pip install harness[qlora]")
    training = {"learning_rate": 1e-2, "epochs": 2, "batch_size": 4, **training}
    return Recipe(name=method, method=method, settings=settings, training=training)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after every step."""
    monkeypatch.setattr(checkpoints, "SECONDS", 0.0)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def stop_at(step: int, error: type[BaseException] = InterruptionError) -> Callable[[int], None]:
    """Fails in the call of `advance` with which so many steps are told, which is before their checkpoint."""
    told = 0

    def advance(count: int) -> None:
        nonlocal told
        told += count
        if told >= step:
            raise error

    return advance


@pytest.mark.usefixtures("often")
def test_an_interrupted_training_ends_like_an_uninterrupted_one(
    recipe: Recipe, base: Base, hardware: Hardware, examples: list[Example], tmp_path: Path
) -> None:
    """Cut off at every second step, over and over, every file is the same to the bit, and each step is told once."""

    def run(name: str, advance: Callable[[int], None] = lambda steps: None) -> None:
        (tmp_path / name).mkdir(exist_ok=True)
        derive(
            recipe,
            base,
            hardware,
            examples[:9],
            tmp_path / name,
            seed=0,
            validation=examples[9:],
            unfinished=tmp_path / "unfinished",
            advance=advance,
        )

    told: list[int] = []
    run("whole", told.append)
    assert list((tmp_path / "unfinished").iterdir()) == []
    steps = sum(told)
    assert steps == recipe.training.epochs * 3  # 9 examples in batches of 4
    if recipe.training.early_stopping:
        record = read_record(tmp_path / "whole")
        assert record["best_epoch"] < len(record["validation_losses"]), "the best weights are not the last"
    interrupted = 0
    for step in range(2, steps + 1, 2):
        try:
            run("cut", stop_at(step))
        except InterruptionError:
            interrupted += 1
    assert interrupted >= 2
    rest: list[int] = []
    run("cut", rest.append)
    assert rest[0] > 1, "goes on in the middle"
    assert sum(rest) == steps
    assert files(tmp_path / "cut") == files(tmp_path / "whole")
    assert list((tmp_path / "unfinished").iterdir()) == []


class Trainer:
    """Trains the random Llama from the beginning, each time, with one folder for checkpoints."""

    def __init__(self, base: Base, examples: list[Example], folder: Path) -> None:
        self._base, self._examples, self.folder = base, examples, folder

    def __call__(self, advance: Callable[[int], None], *, seed: int = 0, seconds: float = 0, **settings: Any) -> Any:
        model = load_model(self._base, dtype=torch.float32, device=torch.device("cpu"))
        chosen = TrainingSettings(**{"learning_rate": 1e-3, "epochs": 2, "batch_size": 4, **settings})
        train(
            model,
            self._examples,
            chosen,
            seed=seed,
            unfinished=self.folder,
            checkpoint_seconds=seconds,
            advance=advance,
        )
        return {name: parameter.detach() for name, parameter in model.named_parameters()}


@pytest.fixture
def trainer(base: Base, examples: list[Example], tmp_path: Path) -> Trainer:
    return Trainer(base, examples, tmp_path / "unfinished")


@pytest.mark.parametrize("error", [InterruptionError, KeyboardInterrupt])
def test_what_was_done_is_told_at_once(error: type[BaseException], trainer: Trainer) -> None:
    """A resumed training tells the steps before it in one call, so that a progress bar is right."""
    with pytest.raises(error):
        trainer(stop_at(4, error))
    told: list[int] = []
    trainer(told.append)
    assert told == [3, 1, 1, 1]


@pytest.mark.parametrize("change", [{"seed": 1}, {"learning_rate": 2e-3}, {"micro_batch_size": 2}])
def test_a_checkpoint_of_another_training_is_ignored(change: dict[str, Any], trainer: Trainer) -> None:
    """Another seed or setting begins anew."""
    with pytest.raises(InterruptionError):
        trainer(stop_at(4))
    told: list[int] = []
    trainer(told.append, **change)
    assert told == [1] * 6


def test_other_examples_begin_anew(trainer: Trainer, base: Base, examples: list[Example]) -> None:
    """A checkpoint belongs to the examples that it was made with."""
    with pytest.raises(InterruptionError):
        trainer(stop_at(4))
    told: list[int] = []
    Trainer(base, examples[::-1], trainer.folder)(told.append)
    assert told == [1] * 6


def drop_the_end(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def change_a_weight(path: Path) -> None:
    tensors = load_file(path)
    with safe_open(path, framework="pt") as file:
        header = file.metadata()
    tensors["weights/model.norm.weight"][0] += 1
    save_file(tensors, path, metadata=header)


@pytest.mark.parametrize("damage", [drop_the_end, flip_a_bit, change_a_weight, empty])
def test_a_damaged_checkpoint_is_ignored_with_a_warning(
    damage: Callable[[Path], object], trainer: Trainer, caplog: pytest.LogCaptureFixture
) -> None:
    """A checkpoint that isn't whole, or isn't what was written, is never gone on from."""
    with pytest.raises(InterruptionError):
        trainer(stop_at(4))
    damage(trainer.folder / FILE)
    told: list[int] = []
    with caplog.at_level(logging.WARNING):
        trainer(told.append)
    assert told == [1] * 6
    assert ["the checkpoint is damaged" in record.getMessage() for record in caplog.records] == [True]


def test_checkpoints_come_by_time(trainer: Trainer) -> None:
    """No checkpoint is written before its time; what was cut off begins anew, and nothing is left in the folder."""
    with pytest.raises(InterruptionError):
        trainer(stop_at(4), seconds=1000)
    assert not (trainer.folder / FILE).exists()


def test_a_folder_that_cannot_be_written_stops_no_training(trainer: Trainer, caplog: pytest.LogCaptureFixture) -> None:
    """A training without checkpoints is better than none: one warning, and the same weights."""
    expected = trainer(lambda steps: None)
    trainer.folder.rmdir()
    trainer.folder.write_text("no folder")
    with caplog.at_level(logging.WARNING):
        weights = trainer(lambda steps: None)
    assert ["no checkpoint can be written" in record.getMessage() for record in caplog.records] == [True]
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


def test_a_training_that_came_to_nothing_leaves_no_checkpoint(trainer: Trainer) -> None:
    """What would end in the same error again is not kept to be gone on from."""
    with pytest.raises(InputError, match="the loss is nan"):
        trainer(lambda steps: None, learning_rate=1e30, gradient_norm=1e30)
    assert list(trainer.folder.iterdir()) == []
