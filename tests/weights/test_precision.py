"""What saves memory in training: recomputation, bfloat16, and optimizers with 8 bits a moment."""

import sys
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from peft import PrefixTuningConfig, get_peft_model

from harness.errors import InputError
from harness.weights import Base, Example, Recipe, TrainingSettings, load_model, method_of
from harness.weights.training import TrainingRecord, train
from harness.weights.training.optimizer import optimizer_name

SETTINGS: dict[str, Any] = {"epochs": 2, "batch_size": 4, "learning_rate": 1e-3}


@pytest.fixture
def llama(base: Base) -> Callable[..., Any]:
    return lambda dtype=torch.float32: load_model(base, dtype=dtype, device=torch.device("cpu"))


@pytest.fixture
def adapted(llama: Callable[[], Any]) -> Callable[[Recipe], Any]:
    """Attaches a recipe's adapter to a new base, the same each time."""

    def attach(recipe: Recipe) -> Any:
        method, settings = method_of(recipe)
        torch.manual_seed(0)
        return method.attach(method.prepare(llama(), settings), settings)

    return attach


def trained(model: Any, examples: list[Example], **settings: Any) -> tuple[TrainingRecord, torch.Tensor]:
    """The record, and all weights that were trained, in one row."""
    record = train(model, examples, TrainingSettings(**{**SETTINGS, **settings}), seed=0)
    moved = [parameter.detach().reshape(-1) for parameter in model.parameters() if parameter.requires_grad]
    return record, torch.cat(moved)


@pytest.mark.parametrize("name", ["full", "freeze", "lora", "bottleneck-serial", "loreft", "prompt"])
def test_recomputation_changes_nothing_but_memory(
    name: str, recipes: dict[str, Recipe], adapted: Callable[[Recipe], Any], examples: list[Example]
) -> None:
    """With gradient checkpointing weights and losses are the same, and it is off again afterwards."""
    expected, weights = trained(adapted(recipes[name]), examples)
    model = adapted(recipes[name])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # transformers and torch warn of what they then leave out
        record, again = trained(model, examples, gradient_checkpointing=True)
    assert record.losses == pytest.approx(expected.losses, abs=1e-6)
    torch.testing.assert_close(again, weights, atol=1e-6, rtol=0)
    assert not any(getattr(module, "gradient_checkpointing", False) for module in model.modules())


def test_layers_are_computed_twice(llama: Callable[[], Any], examples: list[Example]) -> None:
    """Recomputation does take place: each layer runs again in the backward pass."""

    def runs(**settings: Any) -> int:
        model, calls = llama(), list[int]()
        for layer in model.model.layers:
            layer.mlp.register_forward_pre_hook(lambda *_: calls.append(1))
        trained(model, examples[:4], epochs=1, **settings)
        return len(calls)

    layouts = 2 * 2  # with padding and without, two layers
    probes = 2 * 2  # with and without, two layers
    assert (runs(), runs(gradient_checkpointing=True)) == (layouts + 2, layouts + 4 + probes)


def test_frozen_layers_are_not_computed_twice(
    recipes: dict[str, Recipe], adapted: Callable[[Recipe], Any], examples: list[Example]
) -> None:
    """Below the lowest layer that learns there is no backward pass, and so nothing to compute again."""
    model, calls = adapted(recipes["freeze"]), list[int]()
    model.model.layers[0].mlp.register_forward_pre_hook(lambda *_: calls.append(1))
    trained(model, examples[:4], epochs=1, gradient_checkpointing=True)
    layouts = 2  # with padding and without
    assert len(calls) == layouts + 2 + 1


def test_recomputation_that_fails_is_told(llama: Callable[[], Any], examples: list[Example]) -> None:
    """Transformers' layers drop peft's prefix when they recompute, and then their shapes don't fit."""
    model = get_peft_model(llama(), PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3))
    with pytest.raises(InputError, match=r"can't do gradient checkpointing \(The size of tensor"):
        trained(model, examples, gradient_checkpointing=True)
    assert not any(getattr(module, "gradient_checkpointing", False) for module in model.modules())


def test_recomputation_that_computes_something_else_is_refused(examples: list[Example]) -> None:
    """A model that leaves its adapter out when it recomputes is told, not trained."""

    class Forgetful(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.bias = torch.nn.Parameter(torch.ones(1)), 0.5

        def forward(self, **_: Any) -> Any:
            return type("Output", (), {"loss": self.weight.sum() + self.bias})

        def activation_checkpointing_enable(self, *_: Any) -> None:
            self.bias = 0.0

        def activation_checkpointing_disable(self) -> None:
            self.bias = 0.5

        def disable_input_require_grads(self) -> None:
            pass

    model = Forgetful()
    told = r"with gradient checkpointing the loss is 1 and without 1\.5.*gradient_checkpointing: false"
    with pytest.raises(InputError, match=told):
        trained(model, examples, gradient_checkpointing=True)
    assert model.weight.item() == 1
    assert model.bias == 0.5


def test_a_model_that_cannot_recompute_is_told(examples: list[Example]) -> None:
    """The message says what to write instead."""

    class Plain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def forward(self, **_: Any) -> Any:
            return type("Output", (), {"loss": self.weight.sum()})

    with pytest.raises(InputError, match=r"can't do gradient checkpointing.*Write `gradient_checkpointing: false`"):
        trained(Plain(), examples, gradient_checkpointing=True)


def test_bf16_computes_in_bfloat16_and_keeps_float32_weights(llama: Callable[[], Any], examples: list[Example]) -> None:
    """Layers put out bfloat16, weights stay float32 and move by less than bfloat16 could tell; it is off afterwards."""
    model, formats = llama(), set[torch.dtype]()
    hook = model.model.layers[0].mlp.register_forward_hook(lambda *args: formats.add(args[2].dtype))
    before = torch.nn.utils.parameters_to_vector(model.parameters()).detach()
    exact, _ = trained(llama(), examples, learning_rate=1e-5)
    record, after = trained(model, examples, learning_rate=1e-5, bf16=True)
    assert formats == {torch.bfloat16}
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert (after != before).sum() > (after.bfloat16() != before.bfloat16()).sum()
    assert record.losses == pytest.approx(exact.losses, rel=0.02)
    assert record.losses != exact.losses
    hook.remove()
    assert model(input_ids=torch.tensor([[1]])).logits.dtype == torch.float32


def test_bf16_beside_weights_that_are_short_already_is_refused(
    llama: Callable[..., Any], examples: list[Example]
) -> None:
    """Without float32 weights small steps would be lost, which is what bf16 promises not to do."""
    with pytest.raises(InputError, match=r"here they are torch\.bfloat16.*--dtype float32"):
        trained(llama(torch.bfloat16), examples, bf16=True)


@pytest.fixture
def without_bitsandbytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's own way of saying that a module is not there."""
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)


@pytest.mark.usefixtures("without_bitsandbytes")
@pytest.mark.parametrize("optimizer", ["adamw-8bit", "paged-adamw-8bit"])
def test_an_absent_bitsandbytes_is_told_with_the_command(
    optimizer: str, llama: Callable[[], Any], examples: list[Example]
) -> None:
    """Without the package nothing else is used in its place."""
    with pytest.raises(InputError, match=r'pip install "harness\[qlora\]"'):
        trained(llama(), examples, optimizer=optimizer)


def test_a_paged_optimizer_on_a_device_without_pages_is_refused(
    llama: Callable[[], Any], examples: list[Example]
) -> None:
    """Bitsandbytes would quietly take one that doesn't page."""
    pytest.importorskip("bitsandbytes", reason="pip install harness[qlora]")
    with pytest.raises(InputError, match=r"can't run on the device cpu.*or adamw-8bit"):
        trained(llama(), examples, optimizer="paged-adamw-8bit")


def test_eight_bits_learn_about_the_same(llama: Callable[[], Any], examples: list[Example]) -> None:
    """The 8-bit optimizer is really used, and its losses are near those of AdamW."""
    pytest.importorskip("bitsandbytes", reason="pip install harness[qlora]")
    exact, weights = trained(llama(), examples, epochs=4)
    record, short = trained(llama(), examples, epochs=4, optimizer="adamw-8bit")
    assert record.losses == pytest.approx(exact.losses, rel=0.02)
    assert not torch.equal(short, weights)


def test_the_lightest_optimizer_is_what_the_device_has(llama: Callable[[], Any], examples: list[Example]) -> None:
    """On a CPU it is plain AdamW, to the bit, and the record says so; on CUDA it is the paged one."""
    _, plain = trained(llama(), examples)
    record, lightest = trained(llama(), examples, optimizer="lightest")
    assert record.optimizer == "adamw"
    assert torch.equal(plain, lightest)
    settings = TrainingSettings(learning_rate=1.0, optimizer="lightest")
    assert optimizer_name(settings, torch.device("cuda")) == "paged-adamw-8bit"
