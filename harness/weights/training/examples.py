"""What a model learns from, in the order in which it sees it, and as tensors."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Literal

from harness.errors import InputError

if TYPE_CHECKING:
    import torch

IGNORED = -100  # what transformers leaves out of the loss

LossOn = Literal["completion", "all"]
"""What is learnt: the completions alone, or the prompts too."""


@dataclass(frozen=True)
class Example:
    """Token ids of what the model sees and of what it shall answer (its end token included).

    `rejected` is a worse answer, for methods that learn from preferences.
    """

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    rejected: tuple[int, ...] = ()


def check(examples: Sequence[Example]) -> None:
    """Raises InputError if there is nothing to learn from, or an example without a loss."""
    if not examples:
        raise InputError("training: there are no examples, so nothing can be learnt. Give cases to train on.")
    for number, example in enumerate(examples, start=1):
        if not example.prompt or not example.completion:
            part = "completion" if example.prompt else "prompt"
            raise InputError(
                f"training: the {part} of example {number} has no tokens, so it has no loss. Mend or remove that case."
            )


def batches(examples: Sequence[Example], size: int, order: Random) -> Iterator[list[Example]]:
    """One epoch: every example once, in batches of `size` (the last may be smaller), in an order drawn from `order`."""
    shuffled = list(examples)
    order.shuffle(shuffled)
    for start in range(0, len(shuffled), size):
        yield shuffled[start : start + size]


def tokens(batch: Sequence[Example], loss_on: LossOn = "completion") -> int:
    """How many tokens of the batch have a loss. A prompt's first token has none: nothing comes before it."""
    whole = loss_on == "all"
    return sum(len(example.completion) + (len(example.prompt) - 1 if whole else 0) for example in batch)


def collate(
    batch: Sequence[Example], loss_on: LossOn = "completion"
) -> "tuple[torch.Tensor, torch.Tensor, torch.Tensor]":
    """Ids, attention mask and labels, each `(batch, time) int64`, padded on the right.

    Labels are the ids of what has a loss; everything else is IGNORED there.
    """
    import torch

    width = max(len(example.prompt) + len(example.completion) for example in batch)

    def padded(rows: list[Any], filler: int) -> "torch.Tensor":
        return torch.tensor([[*row, *[filler] * (width - len(row))] for row in rows], dtype=torch.long)

    whole = [[*example.prompt, *example.completion] for example in batch]
    masked = [1 if loss_on == "all" else len(example.prompt) for example in batch]
    wanted = [[*[IGNORED] * count, *row[count:]] for count, row in zip(masked, whole, strict=True)]
    return padded(whole, 0), padded([[1] * len(row) for row in whole], 0), padded(wanted, IGNORED)


def prompt_mask(batch: Sequence[Example], width: int) -> "torch.Tensor":
    """True at the prompts' tokens in rows of `width` tokens that `collate` made, `(batch, time) bool`."""
    import torch

    return torch.arange(width) < torch.tensor([[len(example.prompt)] for example in batch])
