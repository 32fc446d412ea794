"""How much is computed at once; half of it where memory was too small, and on from what is done.

Only the rounding of numbers depends on it: every row is computed with other rows, or other pieces, beside it.
Knows nothing of what is computed.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from harness._memory import out_of_memory, release
from harness.errors import InputError

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

LOGITS_BYTES = 128 << 20  # of the logits that are held at once, in float32
SMALLEST = {"chunk": 16, "tokens": 1, "logits": 1}  # below which the rest of what is held counts for more
REMEDY = (
    "Shorten the prompts, load the base in fewer bits (--dtype bfloat16, --load-in 4bit), spread it over several "
    "devices (--device-map auto), or compute on a device with more memory."
)

Row = TypeVar("Row")
Result = TypeVar("Result")
Found = Iterator[tuple[Sequence[int], Sequence[Result]]]


class Room:
    """What may be computed at once, for all calls of one engine: it becomes less, and never more.

    `chunk` tokens where prefixes are shared; `rows` with `tokens` in a batch, or continued together; and the `logits`
    of that many tokens.
    """

    def __init__(self, *, chunk: int, rows: int, tokens: int, logits: int) -> None:
        self.chunk, self.rows, self.tokens, self.logits = chunk, rows, tokens, logits
        self._used: dict[str, int] = {}

    def uses(self, **sizes: int) -> None:
        """Notes what is about to be computed at once, by name; only that can be halved if memory doesn't suffice."""
        self._used = sizes

    def all(
        self,
        rows: Sequence[Row],
        compute: Callable[[Sequence[Row]], Found[Result]],
        through: Callable[[Sequence[int]], None],
        device: "torch.device",
    ) -> list[Result]:
        """What `compute` gives for all `rows`, by and by, as their places with a result each; in their order.

        Where memory ends, it is begun again with the rows that are left and half the room. `through` is told the
        places of rows that are done. Raises InputError if not even the smallest piece of one row fits.
        """
        done: dict[int, Result] = {}
        while len(done) < len(rows):
            left = [place for place in range(len(rows)) if place not in done]
            if self._went(compute, rows, left, done, through):
                break
            release(device)
            self._halve()
        return [done[place] for place in range(len(rows))]

    def _went(
        self,
        compute: Callable[[Sequence[Row]], Found[Result]],
        rows: Sequence[Row],
        left: list[int],
        done: dict[int, Result],
        through: Callable[[Sequence[int]], None],
    ) -> bool:
        """False if memory was too small. A function: the error, and all that it holds, is gone when it returns."""
        try:
            for places, results in compute([rows[place] for place in left]):
                done.update(zip([left[place] for place in places], results, strict=True))
                through([left[place] for place in places])
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            return False
        return True

    def _halve(self) -> None:
        before = {name: size for name, size in self._used.items() if size > SMALLEST[name]}
        if not before:
            raise InputError(
                "out of memory with one row, in its smallest pieces, at a time, so this model can't be asked this "
                f"here. {REMEDY}"
            )
        for name, size in before.items():
            setattr(self, name, max(SMALLEST[name], size // 2))
        told = ", ".join(f"{getattr(self, name)} {name} instead of {size}" for name, size in before.items())
        logger.info("out of memory: at once there are from here on %s; the numbers are the same but for rounding", told)
