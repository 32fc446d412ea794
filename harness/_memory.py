"""Which errors say that memory ran out; holding what was freed, and giving it back. Imports torch only where asked."""

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

HELD = 1 << 28  # bytes
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of malloc.h
_MOST_UNMAPPED = 1 << 25  # bytes, the most that glibc takes: what is larger goes back to the system when it is freed


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the device, or the CPU's allocator, has no memory left."""
    import torch

    told = str(error).lower()
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError)  # which has no kind of its own for these
        and any(words in told for words in _TOLD)
    )


def hold_freed() -> None:
    """From now on this process holds up to HELD bytes that were freed, for what is asked next (where glibc allocates).

    By itself it gives the pages of a layer's results back to the system, which clears them anew for the next layer's.
    """
    if mallopt := getattr(_glibc(), "mallopt", None):
        mallopt(_TRIM_THRESHOLD, HELD)
        mallopt(_MMAP_THRESHOLD, _MOST_UNMAPPED)


def release(device: "torch.device") -> None:
    """Gives back what the allocator holds unused, which may lie in pieces too small."""
    import torch

    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif trim := getattr(_glibc(), "malloc_trim", None):
        trim(0)


def _glibc() -> ctypes.CDLL | None:
    """What has `mallopt` and `malloc_trim`, if this is Linux with that C library."""
    return ctypes.CDLL(None) if sys.platform == "linux" else None
