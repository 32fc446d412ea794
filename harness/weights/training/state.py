"""A training between two of its steps: what it does next, and all that it must remember to go on later."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from harness._memory import out_of_memory, release
from harness.errors import TrainingError
from harness.weights.training.checkpoints import Checkpoint
from harness.weights.training.examples import Example, LossOn
from harness.weights.training.layouts import Layout
from harness.weights.training.loss import Loss
from harness.weights.training.memory import REMEDY, fitting
from harness.weights.training.optimizer import make_optimizer, make_schedule, optimizer_state, set_optimizer_state
from harness.weights.training.pieces import own, shared_out, whole
from harness.weights.training.position import Position
from harness.weights.training.processes import Processes, split
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
        self,
        model: "nn.Module",
        settings: TrainingSettings,
        total: int,
        *,
        seed: int,
        loss_on: LossOn,
        processes: Processes,
    ) -> None:
        """Raises InputError if the settings don't go with the model's device, weights or the libraries here."""
        self.moving = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        at_once = settings.micro_batch_size or processes.most(settings.batch_size)
        self.position = Position(Random(seed).getstate(), at_once)
        self._parameters = list(self.moving.values())
        self.device = self._parameters[0].device
        self._model, self._settings, self._total = model, settings, total
        self._seed, self._processes = seed, processes
        self._loss = Loss(model, settings, loss_on)
        self._best: dict[str, torch.Tensor] = {}
        self._optimizer = make_optimizer(self._parameters, settings)
        self._schedule = make_schedule(self._optimizer, settings, total)

    @contextmanager
    def quickly(self, examples: Sequence[Example]) -> Iterator[Layout]:
        """While entered, steps are computed the quickest way that is right for these examples. Gives their layout."""
        bf16 = self._settings.bf16 and not self._processes.sharded  # whose weights stay what they were shared out as
        with quick_steps(self._model, self.device, bf16=bf16):
            yield self._loss.arrange(examples)

    def step(self, batch: Sequence[Example]) -> None:
        """One step of the optimizer on the batch's mean loss; raises DivergedError if that is no number."""
        import torch

        position, count = self.position, self._loss.count(batch)
        self._processes.draw(self._seed, position.steps)
        value = self._processes.total(partial(self._backward, batch, count))
        if not math.isfinite(value):
            raise DivergedError(
                f"training: the loss is {value} at step {position.steps + 1} of {self._total} (learning rate "
                f"{self._schedule.get_last_lr()[0]:.3g}), so the weights would be no numbers. Lower the learning rate, "
                "or compute in float32."
            )
        self._processes.sum_gradients(self._parameters)
        torch.nn.utils.clip_grad_norm_(self._parameters, self._settings.gradient_norm)
        self._processes.agree(self._apply)
        self._schedule.step()
        self._optimizer.zero_grad(set_to_none=True)
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
        value = self._processes.total(partial(self._validate, validation))
        self._model.train()
        if not math.isfinite(value):
            raise DivergedError(
                f"training: the validation loss is {value} after epoch {position.epoch}, so no epoch could be called "
                "the best. Lower the learning rate, or compute in float32."
            )
        if value < min(position.validation_losses, default=math.inf):
            position.best_epoch = position.epoch
            self._best = {name: own(parameter).to("cpu", copy=True) for name, parameter in self.moving.items()}
        position.validation_losses.append(value)

    def probe(self, examples: Sequence[Example]) -> float:
        """The loss of a few examples in training mode, with the same dropout at every call; nothing is trained."""
        random, whole = self._random(), self._loss.count(examples)
        value, _ = fitting(
            lambda size: self._loss.mean(split(examples, size), whole),
            len(examples),
            partial(self._set_random, random),
        )
        self._set_random(random)
        return value

    def save(self) -> Checkpoint:
        """All that must be remembered to go on from here; where weights are shared out, all processes call it."""
        tensors, numbers = optimizer_state(self._optimizer, self.moving)
        wanted = self._processes.leads
        parts: dict[str, Mapping[str, torch.Tensor]] = {
            "weights": {name: whole(parameter, wanted=wanted) for name, parameter in self.moving.items()},
            "best": {name: whole(best, self.moving[name], wanted=wanted) for name, best in self._best.items()},
            "optimizer": {place: whole(tensor, wanted=wanted) for place, tensor in tensors.items()},
            "random": self._random(),
        }
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
        self._best = {name: own(shared_out(best, self.moving[name])).cpu() for name, best in parts["best"].items()}
        self._set_weights({name: own(shared_out(parts["weights"][name], p)) for name, p in self.moving.items()})
        self._processes.forget_copies(self._model)
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

    def _backward(self, batch: Sequence[Example], count: int) -> float:
        """The gradient of this process's share of the batch, which has `count` tokens; and that share of its loss."""
        position, random = self.position, self._random()

        def undo() -> None:
            self._optimizer.zero_grad(set_to_none=True)
            release(self.device)
            self._set_random(random)

        def attempt(size: int) -> float:
            return self._loss.backward(self._processes.parts(batch, size), count, self._processes.gradient_scale)

        size = min(position.micro_batch_size, self._processes.most(len(batch)))
        value, fitted = fitting(attempt, size, undo, least=size if self._processes.sharded else 1)
        if fitted < size:
            position.micro_batch_size = fitted
        return value

    def _validate(self, validation: Sequence[Example]) -> float:
        """The share that this process has of the validation loss."""
        position, count = self.position, self._loss.count(validation)
        size = position.micro_batch_size
        value, position.micro_batch_size = fitting(
            lambda size: self._loss.mean(self._processes.parts(validation, size), count),
            size,
            partial(release, self.device),
            least=size if self._processes.sharded else 1,
        )
        return value

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
                own(parameter).copy_(weights[name])

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
