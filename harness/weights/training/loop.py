"""The training loop: steps over batches, epochs, early stopping, and going on where an earlier training was cut off."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.runs.fingerprint import fingerprint
from harness.weights.training import checkpoints as on_disk
from harness.weights.training.checkpoints import Checkpoints
from harness.weights.training.examples import Example, LossOn, batches, check
from harness.weights.training.layouts import Layout
from harness.weights.training.optimizer import optimizer_name
from harness.weights.training.processes import Processes, current
from harness.weights.training.recomputation import recomputation
from harness.weights.training.settings import TrainingSettings, steps
from harness.weights.training.state import DivergedError, Training

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class TrainingRecord:
    """What training did: losses in nats a token, and how much of the model moved.

    `losses` are the mean training losses of the epochs. With early stopping, `validation_losses` are those after each
    epoch, and the weights are those of `best_epoch` (from 1 on). `steps` were taken by `optimizer`. In the end
    `micro_batch_size` examples went through the model at once, fewer than asked for where memory didn't suffice, laid
    out as `layout` says, which changes nothing but time.
    """

    steps: int
    losses: list[float]
    trainable_parameters: int
    parameters: int
    optimizer: str = "adamw"
    micro_batch_size: int | None = None
    validation_losses: list[float] = field(default_factory=list)
    best_epoch: int | None = None
    layout: Layout = "padded"


def train(
    model: "nn.Module",
    examples: Sequence[Example],
    settings: TrainingSettings,
    *,
    seed: int,
    loss_on: LossOn = "completion",
    validation: Sequence[Example] = (),
    unfinished: Path | None = None,
    checkpoint_seconds: float | None = None,
    begin_epoch: Callable[[int], None] = lambda epoch: None,
    advance: Callable[[int], None] = lambda steps: None,
) -> TrainingRecord:
    """Trains what requires gradients in `model`, in place, with AdamW, and leaves the model in evaluation mode.

    `validation` is what early stopping looks at. `begin_epoch` may turn off the gradients of some of what is trained,
    for an epoch (from 0 on): the same at every call for that epoch, since a resumed training calls it again.
    `advance` is called with 1 after every step, with all steps before when an earlier training is resumed, and with
    those that early stopping spares.

    `unfinished` is a folder, of this model alone, for checkpoints every `checkpoint_seconds` (30 if None; more if
    writing takes long): a training that was interrupted goes on from the last one, if examples, settings and seed are
    the same, and ends with the same weights. When training is done the folder is empty.

    Where several processes train (`harness.weights.training.processes`), all of them call this with the same: each
    computes its share of every batch, and takes the same steps. Only the leader has an `unfinished` folder.

    Seeds torch's generators: the same seed, examples and machine give the same weights to the bit. Raises InputError
    if there is nothing to learn from, the loss stops being a number, or one example is too much for the memory.
    """
    import torch

    check(examples)
    _check_early_stopping(settings, validation)
    torch.manual_seed(seed)
    lessons = _Lessons(examples, validation, settings, seed, loss_on)
    total = steps(len(examples), settings)
    processes = current()
    training = processes.agree(
        lambda: Training(model, settings, total, seed=seed, loss_on=loss_on, processes=processes)
    )
    checkpoints = None
    if unfinished is not None:
        seconds = on_disk.SECONDS if checkpoint_seconds is None else checkpoint_seconds
        checkpoints = Checkpoints(unfinished, lessons.identity(training), seconds)
    model.train()
    try:
        with training.quickly([*examples, *validation]) as layout, _recomputing(model, training, lessons):
            _run(training, lessons, checkpoints, processes, begin_epoch, advance)
    except DivergedError:
        if checkpoints:
            checkpoints.clear()
        raise
    training.end()
    if (spared := total - training.position.steps) > 0:
        advance(spared)
    if checkpoints:
        checkpoints.clear()
    return _record(model, training, settings, layout)


@dataclass(frozen=True)
class _Lessons:
    """What is learnt, and how."""

    examples: Sequence[Example]
    validation: Sequence[Example]
    settings: TrainingSettings
    seed: int
    loss_on: LossOn

    def identity(self, training: Training) -> str:
        """What must be the same for a checkpoint to be one of this training."""
        return fingerprint(
            {
                "settings": self.settings.model_dump(mode="json"),
                "seed": self.seed,
                "loss_on": self.loss_on,
                "examples": [[list(example.prompt), list(example.completion)] for example in self.examples],
                "validation": [[list(example.prompt), list(example.completion)] for example in self.validation],
                "weights": {name: [str(p.dtype), *p.shape] for name, p in training.moving.items()},
                "device": training.device.type,
            }
        )


def _recomputing(model: "nn.Module", training: Training, lessons: _Lessons) -> AbstractContextManager[None]:
    if not lessons.settings.gradient_checkpointing:
        return nullcontext()
    return recomputation(model, lambda: training.probe(lessons.examples[:1]))


def _run(
    training: Training,
    lessons: _Lessons,
    checkpoints: Checkpoints | None,
    processes: Processes,
    begin_epoch: Callable[[int], None],
    advance: Callable[[int], None],
) -> None:
    position, settings = training.position, lessons.settings
    saved = processes.from_leader(checkpoints.read() if checkpoints else None)
    if saved:
        position.move_to(saved.content["position"])
    if position.steps:
        advance(position.steps)
    while position.epoch < settings.epochs and not position.patience_is_over(settings.early_stopping):
        begin_epoch(position.epoch)
        if saved:
            training.load(saved)
            saved = None
        order = Random()
        order.setstate(position.order)
        for number, batch in enumerate(batches(lessons.examples, settings.batch_size, order)):
            if number < position.batch:
                continue  # done before the interruption
            training.step(batch)
            advance(1)
            _offer(training, checkpoints, processes)
        training.end_epoch(order, lessons.validation if settings.early_stopping else ())
        _offer(training, checkpoints, processes)
    if saved:
        training.load(saved)  # nothing was left to do


def _offer(training: Training, checkpoints: Checkpoints | None, processes: Processes) -> None:
    """A checkpoint, if the leader finds that it is time; where weights are shared out, all put it together."""
    if not processes.sharded:
        if checkpoints:
            checkpoints.offer(training.save)
    elif processes.total(lambda: float(checkpoints is not None and checkpoints.due)):
        saved = training.save()
        if checkpoints:
            checkpoints.offer(lambda: saved)


def _record(model: "nn.Module", training: Training, settings: TrainingSettings, layout: Layout) -> TrainingRecord:
    position = training.position
    return TrainingRecord(
        steps=position.steps,
        losses=position.losses,
        trainable_parameters=sum(parameter.numel() for parameter in training.moving.values()),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        optimizer=optimizer_name(settings, training.device),
        micro_batch_size=position.micro_batch_size,
        validation_losses=position.validation_losses,
        best_epoch=position.best_epoch,
        layout=layout,
    )


def _check_early_stopping(settings: TrainingSettings, validation: Sequence[Example]) -> None:
    if settings.early_stopping is None:
        return
    if not validation:
        raise InputError(
            "training: early_stopping needs validation examples, and there are none, so nothing could tell when to "
            "stop. Give the suite a split of kind validation, or write `early_stopping: null`."
        )
    check(validation)
