"""Linear layers in float32 on the CPU, by oneDNN where that is quicker than torch's own choice (MKL on most builds).

Knows nothing of models: inside `fast_linear()` every `torch.nn.functional.linear` goes through here. The operation is
private to torch, so it is used only after a probe has found it there, right and clearly quicker; else torch's own is.
"""

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING

from harness.errors import InputError

if TYPE_CHECKING:
    import torch

KERNELS = ("auto", "onednn", "torch")
_VARIABLE = "HARNESS_LINEAR"
_CLEARLY = 1.3  # times quicker: so much that noise doesn't choose, or two runs could differ in their last bits
_ROUNDS = 7


def fast_linear() -> AbstractContextManager[object]:
    """While it is entered, by any thread, float32 linear layers on the CPU are computed by `linear_kernel()`.

    Gradients are too. Numbers differ from torch's in the order of summing only, and in no way where that kernel is
    torch's own. Raises InputError if the environment asks for a kernel that isn't there.
    """
    if linear_kernel() == "torch":
        return nullcontext()
    from harness.kernels.onednn import installed

    return installed()


def linear_kernel() -> str:
    """`onednn` or `torch`, as the environment's HARNESS_LINEAR says; `auto`, if it says nothing, is the quicker one.

    Raises InputError for any other value, and for `onednn` on a build of torch that hasn't got it.
    """
    asked = os.environ.get(_VARIABLE, "auto")
    if asked not in KERNELS:
        raise InputError(f"{_VARIABLE}={asked}: there is no such kernel. Give one of {', '.join(KERNELS)}.")
    if asked == "torch":
        return "torch"
    gain = onednn_gain()
    if asked == "onednn" and not gain:
        raise InputError(f"{_VARIABLE}=onednn: this build of torch can't compute with oneDNN. Give auto or torch.")
    return "onednn" if asked == "onednn" or gain >= _CLEARLY else "torch"


@lru_cache(maxsize=1)
def onednn_gain() -> float:
    """How many times quicker oneDNN is than torch's own linear layer on this CPU, 0 where it is absent or wrong."""
    import torch

    try:
        from harness.kernels.onednn import onednn_linear

        with torch.inference_mode():
            generator = torch.Generator().manual_seed(0)
            x, weight = (torch.randn(256, 512, generator=generator) for _ in range(2))
            ours, own = onednn_linear(x, weight, None), torch.nn.functional.linear(x, weight)
            if not torch.allclose(ours, own, rtol=1e-4, atol=1e-3):
                return 0.0
            own_seconds, our_seconds = _interleaved(
                lambda: torch.nn.functional.linear(x, weight), lambda: onednn_linear(x, weight, None)
            )
    except (AttributeError, RuntimeError):  # a build without it, or with another signature
        return 0.0
    return own_seconds / our_seconds


def _interleaved(*ways: "Callable[[], torch.Tensor]") -> list[float]:
    """The least seconds that each of the ways took, by turns."""
    least = [float("inf")] * len(ways)
    for _ in range(_ROUNDS):
        for place, way in enumerate(ways):
            began = time.perf_counter()
            way()
            least[place] = min(least[place], time.perf_counter() - began)
    return least
