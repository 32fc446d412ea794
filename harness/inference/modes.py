"""The ways in which a model may be computed, from the quickest to the plainest. Imports torch lazily."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING

from harness.kernels import fast_linear

if TYPE_CHECKING:
    from harness.inference.causal_lm import CausalLM


class Mode(StrEnum):
    """Each distinct prefix once, with attention of ours or the model's own; rows in padded batches; or one by one."""

    CASCADE = "cascade"
    SHARED = "shared"
    PADDED = "padded"
    ALONE = "alone"

    @property
    def shares(self) -> bool:
        """Whether prefixes are computed once."""
        return self in (Mode.CASCADE, Mode.SHARED)

    @property
    def plainer(self) -> "Mode":
        """The next mode to try."""
        modes = list(Mode)
        return modes[modes.index(self) + 1]


def quickest(lm: "CausalLM") -> tuple[Mode, str]:
    """The first mode to try with a model, and why it isn't the quickest (nothing where prefixes are shared)."""
    import torch

    if lm.refuses_trees:
        return Mode.PADDED, lm.refuses_trees
    flash = hasattr(torch.ops.aten, "_scaled_dot_product_flash_attention_for_cpu")
    replaceable = lm.inner.config._attn_implementation == "sdpa" and lm.inner._supports_attention_backend
    return (Mode.CASCADE if flash and replaceable and lm.device.type == "cpu" else Mode.SHARED), ""


@contextmanager
def computing(lm: "CausalLM", mode: Mode) -> Iterator[None]:
    """While it is entered, the model computes in `mode`, without gradients and with the quickest kernels."""
    import torch

    from harness.inference.attention import cascade

    lm.model.eval()
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode())
        stack.enter_context(fast_linear())
        if mode is Mode.CASCADE:
            stack.enter_context(cascade(lm.inner))
        yield
