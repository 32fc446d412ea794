"""Packed linear layers against the module's own, and which GELUs become a part of one."""

from typing import Any

import pytest
import torch
from torch.nn import GELU, Dropout, Linear, ReLU, Sequential

from harness.kernels import packed
from harness.kernels.packed import PackedLinears

DTYPES = {torch.float32: 1e-5, torch.bfloat16: 0.03}


def _pack(module: torch.nn.Module, x: torch.Tensor) -> PackedLinears:
    module.to(x.dtype).eval()
    with torch.inference_mode():
        return PackedLinears(module, lambda: module(x))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", ["none", "tanh"])
def test_same_numbers(dtype: torch.dtype, kind: str) -> None:
    """Packed layers, with and without a bias and a GELU, give what the module gives, and are gone on leaving."""
    module = Sequential(Linear(24, 40), GELU(kind), Dropout(0.5), Linear(40, 7, bias=False), Linear(7, 5))
    x = torch.randn(3, 6, 24, dtype=dtype)
    packing = _pack(module, x)
    own = module(x)
    with torch.inference_mode(), packing.installed():
        ours = module(x)
        one_row = module(x[0, :1])
    assert packing.fused == 1
    torch.testing.assert_close(ours, own, atol=DTYPES[dtype], rtol=DTYPES[dtype])
    torch.testing.assert_close(one_row, own[0, :1], atol=DTYPES[dtype], rtol=DTYPES[dtype])
    assert all("forward" not in vars(part) for part in module)


def test_only_a_gelu_is_fused() -> None:
    """Other activations stay what they are, as does a GELU of anything but a layer's output."""
    module = Sequential(Linear(8, 8), ReLU(), GELU(), Linear(8, 8), Dropout())
    x = torch.randn(5, 8)
    packing = _pack(module, x)
    assert packing.fused == 0
    with torch.inference_mode(), packing.installed():
        torch.testing.assert_close(module(x), module.eval()(x))


def test_a_shared_gelu_is_not_fused_twice() -> None:
    """One activation that follows two layers becomes a part of neither."""
    shared = GELU()
    module = Sequential(Linear(8, 8), shared, Linear(8, 8), shared)
    x = torch.randn(5, 8)
    packing, own = _pack(module, x), module(x)
    with torch.inference_mode(), packing.installed():
        torch.testing.assert_close(module(x), own)


@pytest.mark.parametrize("cut", ["every second", "transposed"])
def test_strides(cut: str) -> None:
    """Inputs that don't lie in one piece give the same numbers."""
    module = Sequential(Linear(8, 6))
    x = torch.randn(5, 16)[:, ::2] if cut == "every second" else torch.randn(8, 5).t()
    packing, own = _pack(module, x), module(x)
    with torch.inference_mode(), packing.installed():
        torch.testing.assert_close(module(x), own)


def test_changed_weights_are_seen() -> None:
    """Weights that were changed or replaced are no longer current."""
    module = Sequential(Linear(8, 6))
    packing = _pack(module, torch.randn(5, 8))
    assert packing.current
    with torch.no_grad():
        module[0].weight.add_(1)
    assert not packing.current


def test_too_much_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module whose weights are too many to be kept twice stays as it is, GELUs included."""
    monkeypatch.setattr(packed, "_MOST_BYTES", 100)
    module: Any = Sequential(Linear(8, 6), GELU())
    packing = _pack(module, torch.randn(5, 8))
    with packing.installed():
        assert packing.fused == 0
        assert "forward" not in vars(module[0])
