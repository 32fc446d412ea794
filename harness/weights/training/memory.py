"""What to do when the device has too little memory: fewer examples at once, the same batch."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.errors import TrainingError

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

REMEDY = (
    "Set `gradient_checkpointing: true` or `bf16: true`, train less (lora, or qlora for a large base), show shorter "
    "prompts, or use a device with more memory."
)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the device, or the CPU's allocator, has no memory left."""
    import torch

    told = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError)  # which has no kind of its own for these
        and ("you tried to allocate" in told or "out of memory" in told)
    )


def fitting(attempt: Callable[[int], float], size: int, undo: Callable[[], None]) -> tuple[float, int]:
    """`attempt(size)`, with half the size as often as memory is too small for it, and the size that went.

    `undo` is called before each further attempt. Raises TrainingError if not even one example fits.
    """
    tried = size
    while (value := _attempt(attempt, size)) is None:
        undo()
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


def release(device: "torch.device") -> None:
    """Gives back what the allocator holds unused, which may lie in pieces too small."""
    import torch

    if device.type == "cuda":
        torch.cuda.empty_cache()
