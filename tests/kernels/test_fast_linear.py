"""Linear layers inside `fast_linear`, by oneDNN where this build of torch has it, against torch's own."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

from harness.errors import InputError
from harness.kernels import KERNELS, fast_linear, linear_kernel
from harness.kernels.linear import onednn_gain

Inputs = tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]
SHAPES: dict[str, Callable[[], torch.Tensor]] = {
    "2-D": lambda: torch.randn(12, 24),
    "3-D": lambda: torch.randn(3, 5, 24),
    "4-D": lambda: torch.randn(2, 3, 2, 24),
    "transposed": lambda: torch.randn(24, 12).t(),
    "permuted": lambda: torch.randn(5, 3, 24).transpose(0, 1),
    "every second": lambda: torch.randn(3, 5, 48)[..., ::2],
    "expanded": lambda: torch.randn(1, 5, 24).expand(3, 5, 24),
}


class Kernels(TorchDispatchMode):
    """Notes the names of the operations that are computed."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.weights: list[torch.Tensor] = []  # of oneDNN's layers

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(func.name())
        if func.name() == "mkldnn::_linear_pointwise":
            self.weights.append(args[1])
        return func(*args, **(kwargs or {}))

    @property
    def onednn(self) -> int:
        """How many linear layers oneDNN computed."""
        return self.names.count("mkldnn::_linear_pointwise")


@pytest.fixture
def onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chooses oneDNN, quicker or not."""
    if not onednn_gain():
        pytest.skip("this build of torch has no oneDNN")
    monkeypatch.setenv("HARNESS_LINEAR", "onednn")


def results(inputs: Inputs) -> list[torch.Tensor]:
    """The layer's result, and the gradients of all that it is given."""
    wanted = [tensor for tensor in inputs if tensor is not None]
    for tensor in wanted:
        tensor.requires_grad_(True)
    out = functional.linear(*inputs)
    weighting = torch.linspace(-1, 1, out.numel()).view(out.shape)
    return [out, *torch.autograd.grad((out * weighting).sum(), wanted)]


@pytest.mark.usefixtures("onednn")
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("out", [8, 40], ids=["narrower", "wider"])
@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_gradients_are_torchs(shape: str, out: int, bias: bool) -> None:
    """Whatever the input's shape and place in memory, all are equal to within rounding, and oneDNN computed them."""
    torch.manual_seed(0)
    x, weight = SHAPES[shape](), torch.randn(out, 24)
    inputs = x, weight, torch.randn(out) if bias else None
    expected = results(inputs)
    with Kernels() as kernels, fast_linear():
        ours = results(inputs)
    assert kernels.onednn == 3
    assert [tensor.shape for tensor in ours] == [tensor.shape for tensor in expected]
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("onednn")
@pytest.mark.parametrize("learning", [0, 1, 2])
def test_gradients_that_nobody_asks_for_are_not_computed(learning: int) -> None:
    """With one of input, weight and bias learning, there is its gradient alone, and it is torch's."""
    torch.manual_seed(0)
    inputs = [torch.randn(12, 24), torch.randn(8, 24), torch.randn(8)]
    wanted = inputs[learning].requires_grad_(True)
    (expected,) = torch.autograd.grad(functional.linear(*inputs).square().sum(), wanted)
    with Kernels() as kernels, fast_linear():
        (ours,) = torch.autograd.grad(functional.linear(*inputs).square().sum(), wanted)
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-3)
    assert kernels.onednn == (1 if learning == 2 else 2)


@pytest.mark.usefixtures("onednn")
def test_inference_mode_is_left_alone() -> None:
    """Without gradients the result is torch's, and requires none."""
    layer, x = torch.nn.Linear(24, 8), torch.randn(5, 24)
    with torch.inference_mode():
        expected = layer(x)
        with fast_linear():
            ours = layer(x)
    assert not ours.requires_grad
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("onednn")
def test_names_of_the_arguments_are_torchs() -> None:
    """Callers may give input, weight and bias by name."""
    x, weight, bias = torch.randn(5, 24), torch.randn(8, 24), torch.randn(8)
    with fast_linear():
        assert torch.equal(functional.linear(input=x, weight=weight, bias=bias), functional.linear(x, weight, bias))


@pytest.mark.usefixtures("onednn")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_formats_are_untouched(dtype: torch.dtype) -> None:
    """In them the result is torch's, to the bit."""
    x, weight = torch.randn(12, 24, dtype=dtype), torch.randn(8, 24, dtype=dtype)
    expected = functional.linear(x, weight)
    with Kernels() as kernels, fast_linear():
        assert torch.equal(functional.linear(x, weight), expected)
    assert not kernels.onednn


@pytest.mark.usefixtures("onednn")
def test_autocast_is_untouched() -> None:
    """Float32 layers that autocast computes in bfloat16 still are."""
    x, weight = torch.randn(12, 24), torch.randn(8, 24)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        expected = functional.linear(x, weight)
        with fast_linear():
            ours = functional.linear(x, weight)
    assert ours.dtype == torch.bfloat16
    assert torch.equal(ours, expected)


@pytest.mark.usefixtures("onednn")
@pytest.mark.parametrize("x", [torch.randn(24), torch.randn(1, 24), torch.randn(3, 24), torch.randn(1, 3, 24)])
def test_few_rows_are_untouched(x: torch.Tensor) -> None:
    """A vector, and up to three rows, are torch's to the bit."""
    weight = torch.randn(8, 24)
    expected = functional.linear(x, weight)
    with Kernels() as kernels, fast_linear():
        assert torch.equal(functional.linear(x, weight), expected)
    assert not kernels.onednn


@pytest.mark.usefixtures("onednn")
def test_no_rows_at_all_have_no_result() -> None:
    """An empty input gives an empty result, as torch's does."""
    with fast_linear():
        assert functional.linear(torch.zeros(0, 24), torch.zeros(8, 24)).shape == (0, 8)


@pytest.mark.usefixtures("onednn")
def test_tensors_of_a_kind_of_their_own_are_untouched() -> None:
    """Quantised weights and their like bring their own arithmetic, which is used."""

    class Own(torch.Tensor):
        pass

    x, weight = torch.randn(12, 24), torch.randn(8, 24).as_subclass(Own)
    with Kernels() as kernels, fast_linear():
        functional.linear(x, weight)
    assert not kernels.onednn


@pytest.mark.usefixtures("onednn")
def test_recomputation_gives_the_same_gradients() -> None:
    """What a backward pass computes again is computed by the same kernel."""
    torch.manual_seed(0)
    layer, x = torch.nn.Linear(24, 24), torch.randn(12, 24)

    def gradient(recomputed: bool) -> torch.Tensor:
        layer.zero_grad()
        with Kernels() as kernels, fast_linear():
            out = checkpoint(layer, x, use_reentrant=False) if recomputed else layer(x)
            out.square().sum().backward()
        assert kernels.onednn == (3 if recomputed else 2)
        assert layer.weight.grad is not None
        return layer.weight.grad.clone()

    assert torch.equal(gradient(True), gradient(False))


@pytest.mark.usefixtures("onednn")
def test_it_is_over_when_it_is_left() -> None:
    """Afterwards linear layers are torch's again, after an error too."""
    x, weight = torch.randn(12, 24), torch.randn(8, 24)
    with pytest.raises(RuntimeError), fast_linear():
        functional.linear(x, torch.randn(8, 7))
    with Kernels() as kernels:
        functional.linear(x, weight)
    assert not kernels.onednn


def test_torchs_own_kernel_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """With HARNESS_LINEAR=torch the context does nothing."""
    monkeypatch.setenv("HARNESS_LINEAR", "torch")
    x, weight = torch.randn(12, 24), torch.randn(8, 24)
    expected = functional.linear(x, weight)
    with fast_linear():
        assert torch.equal(functional.linear(x, weight), expected)
    assert linear_kernel() == "torch"


@pytest.mark.usefixtures("onednn")
def test_the_environment_chooses_onednn() -> None:
    """With HARNESS_LINEAR=onednn it is used, however quick it is."""
    assert linear_kernel() == "onednn"


@pytest.mark.parametrize("value", ["auto", None])
def test_the_quicker_kernel_stays_the_same(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measured once a process, it is one of the two, and the same at every call; `auto` is what is taken without."""
    if value is None:
        monkeypatch.delenv("HARNESS_LINEAR", raising=False)
    else:
        monkeypatch.setenv("HARNESS_LINEAR", value)
    kernels = {linear_kernel() for _ in range(20)}
    assert len(kernels) == 1
    assert kernels < set(KERNELS)


def test_an_unknown_kernel_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says which there are."""
    monkeypatch.setenv("HARNESS_LINEAR", "mkl")
    with pytest.raises(InputError, match=r"HARNESS_LINEAR=mkl: there is no such kernel\. Give one of auto, onednn"):
        fast_linear()


@pytest.mark.parametrize(
    "weight", [torch.randn(9, 48)[:, 24:], torch.randn(24, 18)[:, ::2].t()], ids=["columns", "every second row"]
)
def test_weights_with_gaps_are_closed_up(onednn: None, weight: torch.Tensor) -> None:
    """A part of a wider weight is given without gaps, with which oneDNN takes a thousand times as long."""
    x = torch.randn(12, 24)
    with fast_linear(), Kernels() as kernels:
        ours = functional.linear(x, weight)
    assert kernels.onednn == 1
    assert all(one.is_contiguous() or one.t().is_contiguous() for one in kernels.weights)
    torch.testing.assert_close(ours, functional.linear(x, weight))


def test_sizes_that_do_not_fit_are_told_as_such(onednn: None) -> None:
    """Not as too little memory, which is what oneDNN's own error reads like."""
    with fast_linear(), pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        functional.linear(torch.randn(12, 24), torch.randn(9, 25))
