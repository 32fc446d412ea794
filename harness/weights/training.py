"""Trains a model on prompts and completions: the loss is on the completions' tokens only.

Knows nothing of what the tokens say, of suites or of methods: it moves whatever requires gradients.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from harness.errors import InputError
from harness.weights.recipe import TrainingSettings

if TYPE_CHECKING:
    import torch
    from torch import nn

IGNORED = -100  # what transformers leaves out of the loss


@dataclass(frozen=True)
class Example:
    """Token ids of what the model sees and of what it shall answer (its end token included).

    `rejected` is a worse answer, for methods that learn from preferences.
    """

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    rejected: tuple[int, ...] = ()


@dataclass(frozen=True)
class TrainingRecord:
    """What training did: the mean loss of each epoch in nats a token, and how much of the model moved."""

    steps: int
    losses: list[float]
    trainable_parameters: int
    parameters: int


def train(
    model: "nn.Module",
    examples: Sequence[Example],
    settings: TrainingSettings,
    *,
    seed: int,
    validation: Sequence[Example] = (),
    unfinished: Path | None = None,
    begin_epoch: Callable[[int], None] = lambda epoch: None,
    advance: Callable[[int], None] = lambda steps: None,
) -> TrainingRecord:
    """Trains what requires gradients in `model`, in place, with AdamW; `advance` is called with 1 after every step.

    Seeds torch's generators: the same seed, examples and machine give the same weights to the bit. Raises InputError
    if there is nothing to learn from or the loss stops being a number.
    """
    import torch
    from transformers import get_scheduler

    _check(examples)
    torch.manual_seed(seed)
    moving = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(moving, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    total = steps(len(examples), settings)
    shape = "constant_with_warmup" if settings.schedule == "constant" else settings.schedule
    schedule = get_scheduler(shape, optimizer, int(settings.warmup * total), total)
    device = moving[0].device
    order, losses, done = Random(seed), [], 0
    model.train()
    for epoch in range(settings.epochs):
        begin_epoch(epoch)
        summed, counted = 0.0, 0
        for batch in batches(examples, settings.batch_size, order):
            ids, mask, labels = (tensor.to(device) for tensor in collate(batch))
            loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
            if not math.isfinite(value := loss.item()):
                raise InputError(
                    f"training: the loss is {value} at step {done + 1} of {total} (learning rate "
                    f"{schedule.get_last_lr()[0]:.3g}), so the weights would be no numbers. Lower the learning rate, "
                    "or compute in float32."
                )
            loss.backward()
            torch.nn.utils.clip_grad_norm_(moving, settings.gradient_norm)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            tokens = sum(len(example.completion) for example in batch)
            summed, counted = summed + value * tokens, counted + tokens
            done += 1
            advance(1)
        losses.append(summed / counted)
    model.eval()
    return TrainingRecord(
        steps=total,
        losses=losses,
        trainable_parameters=sum(parameter.numel() for parameter in moving),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
    )


def _check(examples: Sequence[Example]) -> None:
    if not examples:
        raise InputError("training: there are no examples, so nothing can be learnt. Give cases to train on.")
    for number, example in enumerate(examples, start=1):
        if not example.prompt or not example.completion:
            part = "completion" if example.prompt else "prompt"
            raise InputError(
                f"training: the {part} of example {number} has no tokens, so it has no loss. Mend or remove that case."
            )


def steps(examples: int, settings: TrainingSettings) -> int:
    """How many optimizer steps a training on that many examples takes; an epoch's last batch may be smaller."""
    return settings.epochs * -(-examples // settings.batch_size)


def batches(examples: Sequence[Example], size: int, order: Random) -> Iterator[list[Example]]:
    """One epoch: every example once, in batches of `size` (the last may be smaller), in an order drawn from `order`."""
    shuffled = list(examples)
    order.shuffle(shuffled)
    for start in range(0, len(shuffled), size):
        yield shuffled[start : start + size]


def collate(batch: Sequence[Example]) -> "tuple[torch.Tensor, torch.Tensor, torch.Tensor]":
    """Ids, attention mask and labels, each `(batch, time) int64`, padded on the right.

    Labels are the ids of the completions; prompts and padding are IGNORED there.
    """
    import torch

    width = max(len(example.prompt) + len(example.completion) for example in batch)

    def padded(rows: list[Any], filler: int) -> "torch.Tensor":
        return torch.tensor([[*row, *[filler] * (width - len(row))] for row in rows], dtype=torch.long)

    whole = [[*example.prompt, *example.completion] for example in batch]
    wanted = [[*[IGNORED] * len(example.prompt), *example.completion] for example in batch]
    return padded(whole, 0), padded([[1] * len(row) for row in whole], 0), padded(wanted, IGNORED)
