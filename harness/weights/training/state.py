"""A training between two of its steps: what it does next, and all that it must remember to go on later."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from harness.errors import TrainingError
from harness.weights.training.checkpoints import Checkpoint
from harness.weights.training.examples import Example, LossOn
from harness.weights.training.layouts import Layout
from harness.weights.training.loss import Loss
from harness.weights.training.memory import REMEDY, fitting, out_of_memory, release
from harness.weights.training.optimizer import make_optimizer, make_schedule, optimizer_state, set_optimizer_state
from harness.weights.training.position import Position
from harness.weights.training.settings import TrainingSettings
from harness.weights.training.speed import quick_steps

if TYPE_CHECKING:
    import torch
    from torch import nn


class DivergedError(TrainingError):
    """The loss is no number any more; the same training again would come to the same."""


class Training:
    """A model in training for `total` steps; what requires gradients at the beginning is what may be trained."""

    def __init__(
        self, model: "nn.Module", settings: TrainingSettings, total: int, *, seed: int, loss_on: LossOn
    ) -> None:
        """Raises InputError if the settings don't go with the model's device, weights or the libraries here."""
        self.moving = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        self.position = Position(Random(seed).getstate(), settings.micro_batch_size or settings.batch_size)
        self._parameters = list(self.moving.values())
        self.device = self._parameters[0].device
        self._model, self._settings, self._total = model, settings, total
        self._loss = Loss(model, settings, loss_on)
        self._best: dict[str, torch.Tensor] = {}
        self._optimizer = make_optimizer(self._parameters, settings)
        self._schedule = make_schedule(self._optimizer, settings, total)

    @contextmanager
    def quickly(self, examples: Sequence[Example]) -> Iterator[Layout]:
        """While entered, steps are computed the quickest way that is right for these examples. Gives their layout."""
        with quick_steps(self._model, self.device, bf16=self._settings.bf16):
            yield self._loss.arrange(examples)

    def step(self, batch: Sequence[Example]) -> None:
        """One step of the optimizer on the batch's mean loss; raises DivergedError if that is no number."""
        import torch

        position, random = self.position, self._random()

        def undo() -> None:
            self._optimizer.zero_grad(set_to_none=True)
            release(self.device)
            self._set_random(random)

        size = min(position.micro_batch_size, len(batch))
        value, fitted = fitting(partial(self._loss.backward, batch), size, undo)
        if fitted < size:
            position.micro_batch_size = fitted
        if not math.isfinite(value):
            raise DivergedError(
                f"training: the loss is {value} at step {position.steps + 1} of {self._total} (learning rate "
                f"{self._schedule.get_last_lr()[0]:.3g}), so the weights would be no numbers. Lower the learning rate, "
                "or compute in float32."
            )
        torch.nn.utils.clip_grad_norm_(self._parameters, self._settings.gradient_norm)
        self._apply()
        self._schedule.step()
        self._optimizer.zero_grad(set_to_none=True)
        count = self._loss.count(batch)
        position.summed, position.counted = position.summed + value * count, position.counted + count
        position.steps, position.batch = position.steps + 1, position.batch + 1

    def end_epoch(self, order: Random, validation: Sequence[Example]) -> None:
        """Notes the epoch's loss, and if there are validation examples theirs, and keeps the best weights so far.

        `order` is the generator of batches, with which the next epoch goes on. Raises DivergedError if the
        validation loss is no number.
        """
        position = self.position
        position.losses.append(position.summed / position.counted)
        position.epoch, position.batch, position.order = position.epoch + 1, 0, order.getstate()
        position.summed, position.counted = 0.0, 0
        if not validation:
            return
        self._model.eval()
        mean = partial(self._loss.mean, validation)
        value, position.micro_batch_size = fitting(mean, position.micro_batch_size, partial(release, self.device))
        self._model.train()
        if not math.isfinite(value):
            raise DivergedError(
                f"training: the validation loss is {value} after epoch {position.epoch}, so no epoch could be called "
                "the best. Lower the learning rate, or compute in float32."
            )
        if value < min(position.validation_losses, default=math.inf):
            position.best_epoch = position.epoch
            self._best = {name: parameter.detach().to("cpu", copy=True) for name, parameter in self.moving.items()}
        position.validation_losses.append(value)

    def probe(self, examples: Sequence[Example]) -> float:
        """The loss of a few examples in training mode, with the same dropout at every call; nothing is trained."""
        random = self._random()
        value, _ = fitting(partial(self._loss.mean, examples), len(examples), partial(self._set_random, random))
        self._set_random(random)
        return value

    def save(self) -> Checkpoint:
        """All that must be remembered to go on from here."""
        tensors, numbers = optimizer_state(self._optimizer, self.moving)
        parts: dict[str, Mapping[str, torch.Tensor]]
        parts = {"weights": self.moving, "best": self._best, "optimizer": tensors, "random": self._random()}
        content = {
            "position": asdict(self.position),
            "optimizer": numbers,
            "schedule": {key: value for key, value in self._schedule.state_dict().items() if key != "lr_lambdas"},
            "learning_rates": [group["lr"] for group in self._optimizer.param_groups],
        }
        named = {f"{part}/{name}": tensor for part, group in parts.items() for name, tensor in group.items()}
        return Checkpoint(named, content)

    def load(self, saved: Checkpoint) -> None:
        """Goes on from what `save` returned for the same training, its position aside."""
        parts: dict[str, dict[str, torch.Tensor]] = {"weights": {}, "best": {}, "optimizer": {}, "random": {}}
        for place, tensor in saved.tensors.items():
            part, name = place.split("/", 1)
            parts[part][name] = tensor
        self._best = parts["best"]
        self._set_weights(parts["weights"])
        set_optimizer_state(self._optimizer, self.moving, parts["optimizer"], saved.content["optimizer"])
        self._schedule.load_state_dict({**saved.content["schedule"], "lr_lambdas": [None]})
        for group, rate in zip(self._optimizer.param_groups, saved.content["learning_rates"], strict=True):
            group["lr"] = rate
        self._set_random(parts["random"])

    def end(self) -> None:
        """Takes the best weights, if there are such; what may be trained requires gradients again."""
        if self._best:
            self._set_weights(self._best)
        for parameter in self._parameters:
            parameter.requires_grad_(True)
        self._model.eval()

    def _apply(self) -> None:
        try:
            self._optimizer.step()
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            raise TrainingError(
                "training: out of memory for the optimizer, which keeps two numbers for each weight that is trained, "
                f"so this can't be trained here. Write `optimizer: adamw-8bit`. {REMEDY}"
            ) from None

    def _set_weights(self, weights: "dict[str, torch.Tensor]") -> None:
        import torch

        with torch.no_grad():
            for name, parameter in self.moving.items():
                parameter.copy_(weights[name])

    def _random(self) -> "dict[str, torch.Tensor]":
        """The state of the generators that a step draws from."""
        import torch

        states = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state(self.device)
        return states

    def _set_random(self, states: "dict[str, torch.Tensor]") -> None:
        import torch

        torch.set_rng_state(states["cpu"])
        if "cuda" in states:
            torch.cuda.set_rng_state(states["cuda"], self.device)
