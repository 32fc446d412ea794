"""What to do when the device has too little memory: fewer examples at once, the same batch."""

import logging
from collections.abc import Callable

from harness._memory import out_of_memory
from harness.errors import TrainingError

logger = logging.getLogger(__name__)

REMEDY = (
    "Set `gradient_checkpointing: true` or `bf16: true`, train less (lora, or qlora for a large base), show shorter "
    "prompts, or use a device with more memory."
)


def fitting(
    attempt: Callable[[int], float], size: int, undo: Callable[[], None], *, least: int = 1
) -> tuple[float, int]:
    """`attempt(size)`, with half the size as often as memory is too small for it, and the size that went.

    `undo` is called before each further attempt. Raises TrainingError if not even `least` examples fit.
    """
    tried = size
    while (value := _attempt(attempt, size)) is None:
        undo()
        if size > 1 and size <= least:
            raise TrainingError(
                f"training: out of memory with {size} examples at once, and processes that share the weights (FSDP) "
                f"can't do with fewer half-way. Write `micro_batch_size: {size // 2}`. {REMEDY}"
            )
        if size == 1:
            raise TrainingError(
                f"training: out of memory with one example at a time, so this can't be trained here. {REMEDY}"
            )
        size //= 2
    if size < tried:
        logger.warning(
            "training: out of memory with %d examples at once, so from here on it is %d; the batch, and so the result "
            "but for rounding, stays the same. `micro_batch_size: %d` would avoid the attempt.",
            *(tried, size, size),
        )
    return value, size


def _attempt(attempt: Callable[[int], float], size: int) -> float | None:
    """None if memory was too small. A function, so that the error and all that it holds is gone when it returns."""
    try:
        return attempt(size)
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        return None
