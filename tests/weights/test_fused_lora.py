"""LoRA layers as one operation: peft's numbers, in peft's plain layers alone."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import Linear
from transformers import GPT2Config, GPT2LMHeadModel

from harness.weights import Base, load_model
from harness.weights.fused_lora import fused_lora

LAYERS = 2 * 7  # linear layers of the random Llama, its output apart


@pytest.fixture
def llama(base: Base) -> Callable[[], Any]:
    return lambda dtype=torch.float32: load_model(base, dtype=dtype, device=torch.device("cpu"))


def adapted(model: Any, **settings: Any) -> Any:
    """A peft model whose deltas aren't zero."""
    plain = {"r": 4, "lora_alpha": 6, "target_modules": "all-linear", "task_type": "CAUSAL_LM"}
    torch.manual_seed(0)
    model = get_peft_model(model, LoraConfig(**{**plain, **settings}))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.1)
    return model


class Layer(torch.nn.Module):
    """A linear layer with a bias, named as peft likes it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layer = torch.nn.Linear(24, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.layer(x)
        return result


def results(model: Any, x: torch.Tensor) -> list[torch.Tensor]:
    """What the model gives, and the gradients of its input and of what learns."""
    x = x.detach().requires_grad_(True)
    out = model(x)
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    weighting = torch.linspace(-1, 1, out.numel()).view(out.shape).to(out.dtype)
    return [out, *torch.autograd.grad((out * weighting).sum(), [x, *learning])]


@pytest.mark.parametrize("rslora", [False, True])
@pytest.mark.parametrize("shape", [(24,), (1, 24), (5, 24), (3, 5, 24)])
def test_values_and_gradients_are_pefts(shape: tuple[int, ...], rslora: bool) -> None:
    """Those of the input and of both matrices too, with a bias and for either scale."""
    model = adapted(Layer(), target_modules=["layer"], task_type=None, use_rslora=rslora)
    x = torch.randn(*shape)
    expected = results(model, x)
    with fused_lora(model) as count:
        assert count == 1
        ours = results(model, x)
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-4)


def test_autocast_computes_in_bfloat16() -> None:
    """Beside a base in bfloat16 results are bfloat16 and gradients float32, and near those in float32."""
    model = adapted(Layer(), target_modules=["layer"], task_type=None)
    x = torch.randn(3, 5, 24)
    exact = results(model, x)
    model.base_model.model.layer.base_layer.to(torch.bfloat16)
    with fused_lora(model), torch.autocast("cpu", dtype=torch.bfloat16):
        ours = results(model, x)
    assert [tensor.dtype for tensor in ours] == [torch.bfloat16, torch.float32, torch.float32, torch.float32]
    torch.testing.assert_close([tensor.float() for tensor in ours], exact, atol=0.1, rtol=0.05)


def test_a_base_in_bfloat16_without_autocast_is_pefts() -> None:
    """Peft computes the delta in the adapter's float32 there, and goes on doing so, to the bit."""
    model = adapted(Layer().to(torch.bfloat16), target_modules=["layer"], task_type=None)
    x = torch.randn(3, 5, 24).to(torch.bfloat16)
    expected = results(model, x)
    with fused_lora(model):
        ours = results(model, x)
    assert all(map(torch.equal, ours, expected))


def test_every_linear_layer_of_a_model_is_fused(llama: Callable[[], Any]) -> None:
    """A whole model gives the same logits, and is peft's again afterwards, after an error too."""
    model = adapted(llama())
    ids = torch.arange(20, 32).view(2, 6)
    expected = model(input_ids=ids).logits
    with suppress(KeyError), fused_lora(model) as count:
        assert count == LAYERS
        ours = model(input_ids=ids).logits
        raise KeyError
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-4)
    assert not torch.equal(ours, expected), "another operation"
    assert torch.equal(model(input_ids=ids).logits, expected)
    assert not any("forward" in vars(module) for module in model.modules())


@pytest.mark.parametrize(
    "settings", [{"lora_dropout": 0.1}, {"use_dora": True}, {"lora_bias": True}], ids=lambda given: next(iter(given))
)
def test_other_layers_than_plain_ones_are_left(settings: dict[str, Any], llama: Callable[[], Any]) -> None:
    """Dropout, DoRA and biases of LoRA's own stay peft's."""
    with fused_lora(adapted(llama(), **settings)) as count:
        assert count == 0


def test_layers_whose_base_learns_are_left(llama: Callable[[], Any]) -> None:
    """Their weight or bias needs a gradient, which the operation hasn't got."""
    with fused_lora(adapted(llama()).requires_grad_(True)) as count:
        assert count == 0


def test_several_active_adapters_are_left(llama: Callable[[], Any]) -> None:
    """Two deltas on one layer stay peft's; a second one that isn't active doesn't matter."""
    model = adapted(llama())
    model.add_adapter("other", model.peft_config["default"])
    with fused_lora(model) as count:
        assert count == LAYERS
    model.base_model.set_adapter(["default", "other"])
    with fused_lora(model) as count:
        assert count == 0


def test_merged_and_switched_off_adapters_are_left(llama: Callable[[], Any]) -> None:
    """Where peft computes the base alone, it still does."""
    model = adapted(llama())
    with model.disable_adapter(), fused_lora(model) as count:
        assert count == 0
    model.merge_adapter()
    with fused_lora(model) as count:
        assert count == 0


@pytest.mark.parametrize("part", ["base_layer", "lora_A", "lora_B"])
def test_hooked_layers_are_left(part: str, llama: Callable[[], Any]) -> None:
    """Whoever watches a part of a layer goes on seeing it."""
    model = adapted(llama())
    layer = next(module for module in model.modules() if isinstance(module, Linear))
    watched = getattr(layer, part)
    (watched["default"] if part != "base_layer" else watched).register_forward_hook(lambda *_: None)
    with fused_lora(model) as count:
        assert count == LAYERS - 1


def test_other_kinds_of_layers_are_left() -> None:
    """GPT-2's Conv1D, whose weight lies the other way, stays peft's, and so does an output layer without a delta."""
    gpt2 = GPT2LMHeadModel(GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=50))
    with fused_lora(adapted(gpt2, target_modules=["c_attn"], fan_in_fan_out=True)) as count:
        assert count == 0
