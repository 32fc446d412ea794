"""The operation of a LoRA layer and its gradient. Imports torch."""

from typing import Any

import torch
from torch.nn import functional


class FusedLora(torch.autograd.Function):
    """`x @ weight.T + bias + scaling * (x @ down.T) @ up.T`, where `weight` and `bias` don't learn.

    Of `x`, `(..., in)`, `weight`, `(out, in)`, `bias`, `(out)` or None, `down`, `(rank, in)` and `up`, `(out, rank)`;
    gives `(..., out)`. The products are linear layers, so that `fast_linear` computes them. All is in the format of
    `weight`, and gradients in the formats of what they are of.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        down: torch.Tensor,
        up: torch.Tensor,
        scaling: float,
    ) -> torch.Tensor:
        """Keeps `x` and its product with `down` for the backward pass."""
        rows = x.reshape(-1, x.shape[-1]).to(weight.dtype)
        ranks = functional.linear(rows, down.to(weight.dtype))
        out = functional.linear(rows, weight, bias)
        out.addmm_(ranks, up.to(weight.dtype).t(), alpha=scaling)
        ctx.save_for_backward(rows, weight, down, up, ranks)
        ctx.scaling, ctx.dtype = scaling, x.dtype
        return out.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """The gradients of `x`, `down` and `up`, from that of the result."""
        rows, weight, down, up, ranks = ctx.saved_tensors
        outer = gradient.reshape(-1, gradient.shape[-1]).to(weight.dtype)
        inner = functional.linear(outer, up.to(weight.dtype).t()).mul_(ctx.scaling)
        for_up = functional.linear(ranks.t().contiguous(), outer.t()).t().mul(ctx.scaling).to(up.dtype)
        for_down = functional.linear(inner.t().contiguous(), rows.t()).to(down.dtype)
        for_x = None
        if ctx.needs_input_grad[0]:
            for_x = functional.linear(outer, weight.t()).addmm_(inner, down.to(weight.dtype))
            for_x = for_x.view(*gradient.shape[:-1], -1).to(ctx.dtype)
        return for_x, None, None, for_down, for_up, None
