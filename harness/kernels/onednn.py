"""oneDNN's linear layer, with its gradient, and how it takes the place of torch's. Imports torch."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import torch

_LEAST_ROWS = 4  # below, reading the weights is all there is to do, and both take as long


def onednn_linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """`x @ weight.T + bias` of float32 CPU tensors `(..., in)`, `(out, in)` and `(out)`; gives `(..., out)`.

    No gradient flows through it (`_Linear` adds that).
    """
    result: torch.Tensor = torch.ops.mkldnn._linear_pointwise(x, _dense(weight), bias, "none", [], "")
    return result


def _dense(weight: torch.Tensor) -> torch.Tensor:
    """The same without gaps between its rows or columns, with which oneDNN takes a thousand times as long."""
    return weight if weight.is_contiguous() or weight.t().is_contiguous() else weight.contiguous()


@contextmanager
def installed() -> Iterator[None]:
    """While it is entered, in whatever thread, `torch.nn.functional.linear` is oneDNN's wherever `_applies`.

    Set in its place, and not by a mode that intercepts every function: that took a tenth of a small model's time.
    """
    global _users
    with _lock:
        _users += 1
        torch.nn.functional.linear = _linear_or_own
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                torch.nn.functional.linear = _own


_own = torch.nn.functional.linear
_lock, _users = Lock(), 0


def _linear_or_own(
    input: torch.Tensor,  # noqa: A002 - torch's name, by which callers may give it
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
) -> torch.Tensor:
    return _linear(input, weight, bias) if _applies(input, weight, bias) else _own(input, weight, bias)


def _linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (x, weight, bias)):
        return _Linear.apply(x, weight, bias)  # type: ignore[no-any-return,no-untyped-call]
    return onednn_linear(x, weight, bias)


def _applies(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> bool:
    """Whether these are plain float32 tensors on the CPU, with more than a few rows, and no autocast is on."""
    if x.dtype != torch.float32 or weight.dtype != torch.float32 or x.device.type != "cpu":
        return False
    if weight.dim() != 2 or x.dim() < 2 or x.numel() < _LEAST_ROWS * x.shape[-1]:
        return False
    if x.shape[-1] != weight.shape[1]:
        return False  # torch's own says what is wrong; oneDNN's error is that of too little memory
    plain = type(x) is torch.Tensor and type(weight) in (torch.Tensor, torch.nn.Parameter)
    return plain and not torch.is_autocast_enabled("cpu")


class _Linear(torch.autograd.Function):
    """The gradients are two more products, computed by the same kernel."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        ctx.save_for_backward(x if weight.requires_grad else None, weight if x.requires_grad else None)
        return onednn_linear(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad
        rows = gradient.reshape(-1, gradient.shape[-1])
        for_x = onednn_linear(gradient, weight.t(), None) if needs_x else None
        for_weight = _of_weight(rows, x.reshape(-1, x.shape[-1])) if needs_weight else None
        return for_x, for_weight, rows.sum(0) if needs_bias else None


def _of_weight(gradient: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """`gradient.T @ x` of `(rows, out)` and `(rows, in)`. The narrower comes first: several times quicker for LoRA."""
    if gradient.shape[1] <= x.shape[1]:
        return onednn_linear(gradient.t().contiguous(), x.t(), None)
    return onednn_linear(x.t().contiguous(), gradient.t(), None).t()
