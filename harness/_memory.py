"""Which errors say that memory ran out, and giving back what is held unused. Imports torch only where it is asked."""

import ctypes
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_TOLD = (
    "you tried to allocate",  # torch, on the CPU
    "out of memory",  # torch, on other devices
    "bad_alloc",  # libraries in C++
    "could not create a primitive",  # oneDNN
    "could not execute a primitive",
)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the device, or the CPU's allocator, has no memory left."""
    import torch

    told = str(error).lower()
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError)  # which has no kind of its own for these
        and any(words in told for words in _TOLD)
    )


def release(device: "torch.device") -> None:
    """Gives back what the allocator holds unused, which may lie in pieces too small."""
    import torch

    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif trim := getattr(ctypes.CDLL(None) if sys.platform == "linux" else None, "malloc_trim", None):  # glibc's
        trim(0)
