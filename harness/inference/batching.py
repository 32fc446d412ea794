"""Groups rows of tokens into batches and pads them on the left, so that all rows end together."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

BATCH_TOKENS = 16_384
BATCH_ROWS = 128


def batches(lengths: Sequence[int], *, tokens: int = BATCH_TOKENS, rows: int = BATCH_ROWS) -> Iterator[list[int]]:
    """Positions grouped so that rows of like length are together, at most `tokens` a batch with padding.

    Longest first: what doesn't fit into memory fails at once and not after an hour.
    """
    batch: list[int] = []
    for position in sorted(range(len(lengths)), key=lambda position: -lengths[position]):
        widest = lengths[batch[0]] if batch else 0
        if batch and (len(batch) == rows or (len(batch) + 1) * widest > tokens):
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch


def left_padded(rows: Sequence[Sequence[int]], device: "torch.device") -> "tuple[torch.Tensor, torch.Tensor]":
    """Ids and mask, each `(batch, time) int64`; masked positions hold token 0."""
    import torch

    width = max(len(row) for row in rows)
    ids = [[*[0] * (width - len(row)), *row] for row in rows]
    mask = [[*[0] * (width - len(row)), *[1] * len(row)] for row in rows]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)
