"""What makes the steps of a training quicker for as long as it lasts. Knows nothing of epochs and checkpoints.

All of it leaves the numbers as they are, to within rounding: of bfloat16 where that is asked for. On other devices than
CPUs there is nothing of the kind.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from harness.kernels import fast_linear
from harness.weights.fused_lora import fused_lora

if TYPE_CHECKING:
    import torch
    from torch import nn


@contextmanager
def quick_steps(model: "nn.Module", device: "torch.device", *, bf16: bool) -> Iterator[None]:
    """While entered, `model` is computed and differentiated by the quickest means that the device has.

    What doesn't learn when it is entered doesn't until it is left.
    """
    with ExitStack() as stack:
        if device.type == "cpu":
            if bf16:
                stack.enter_context(frozen_in_bfloat16(model))
            stack.enter_context(fast_linear())
            stack.enter_context(fused_lora(model))
        yield


@contextmanager
def frozen_in_bfloat16(model: "nn.Module") -> Iterator[None]:
    """While entered, float32 parameters that don't learn are in bfloat16, so that no step has to convert them.

    Afterwards they are what they were: the same memory, to the bit.
    """
    import torch

    frozen = [p for p in model.parameters() if not p.requires_grad and p.dtype == torch.float32]
    before = [parameter.data for parameter in frozen]
    for parameter in frozen:
        parameter.data = parameter.data.to(torch.bfloat16)
    try:
        yield
    finally:
        for parameter, data in zip(frozen, before, strict=True):
            parameter.data = data
