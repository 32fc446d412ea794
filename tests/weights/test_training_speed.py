"""What makes training quicker is there while it lasts, and leaves nothing behind."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.errors import InputError
from harness.kernels.linear import onednn_gain
from harness.weights import (
    Base,
    Example,
    Hardware,
    Recipe,
    TrainingSettings,
    derive,
    load_model,
    method_of,
    read_record,
)
from harness.weights.training import train
from harness.weights.training.speed import frozen_in_bfloat16, quick_steps

SETTINGS: dict[str, Any] = {"epochs": 4, "batch_size": 4, "learning_rate": 1e-2}


@pytest.fixture
def adapted(base: Base) -> Callable[[Recipe], Any]:
    """Attaches a recipe's adapter to the random Llama, the same each time."""

    def attach(recipe: Recipe) -> Any:
        method, settings = method_of(recipe)
        torch.manual_seed(0)
        model = load_model(base, dtype=torch.float32, device=torch.device("cpu"))
        return method.attach(method.prepare(model, settings), settings)

    return attach


def parameters(model: Any, learning: bool) -> dict[str, torch.nn.Parameter]:
    return {name: p for name, p in model.named_parameters() if p.requires_grad is learning}


def test_the_frozen_base_is_in_bfloat16_while_it_lasts(lora: Recipe, adapted: Callable[[Recipe], Any]) -> None:
    """What learns stays float32; tied weights stay tied; afterwards all is in its old place, to the bit."""
    model = adapted(lora)
    before = {name: (p.data_ptr(), p.detach().clone()) for name, p in parameters(model, learning=False).items()}
    with suppress(KeyError), frozen_in_bfloat16(model):
        assert {p.dtype for p in parameters(model, learning=False).values()} == {torch.bfloat16}
        assert {p.dtype for p in parameters(model, learning=True).values()} == {torch.float32}
        base = model.get_base_model()
        assert base.lm_head.weight is base.model.embed_tokens.weight
        raise KeyError
    after = parameters(model, learning=False)
    assert before.keys() == after.keys()
    for name, (place, value) in before.items():
        assert after[name].data_ptr() == place
        assert torch.equal(after[name], value)


def test_a_model_without_a_frozen_part_keeps_its_format(full: Recipe, adapted: Callable[[Recipe], Any]) -> None:
    """Where everything learns, everything is float32: small steps would be rounded away."""
    model = adapted(full)
    with frozen_in_bfloat16(model):
        assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_bf16_training_sees_a_base_in_bfloat16(
    lora: Recipe, adapted: Callable[[Recipe], Any], examples: list[Example]
) -> None:
    """Only with `bf16: true`; the losses are near those in float32, and the float32 base is the same afterwards."""
    losses, formats = {}, {}
    for bf16 in (False, True):
        model, seen = adapted(lora), set[torch.dtype]()
        weight = model.get_base_model().model.layers[0].mlp.up_proj.base_layer.weight
        before = weight.detach().clone()
        model.register_forward_hook(lambda *_, weight=weight, seen=seen: seen.add(weight.dtype))
        losses[bf16] = train(model, examples, TrainingSettings(**SETTINGS, bf16=bf16), seed=0).losses
        formats[bf16] = seen
        assert weight.dtype == torch.float32
        assert torch.equal(weight, before)
    assert formats == {False: {torch.float32}, True: {torch.bfloat16}}
    assert losses[True] == pytest.approx(losses[False], rel=0.02)
    assert losses[True] != losses[False]


def test_bf16_training_is_proved_on_the_float32_base(
    recipe: Recipe, base: Base, hardware: Hardware, examples: list[Example], tmp_path: Path
) -> None:
    """For every method all proofs hold, such as that the base is there to the bit when the adapter is switched off."""
    if recipe.method == "dpo":
        pytest.skip("TRL trains it")
    training = recipe.training.model_copy(update={"bf16": True})
    derive(recipe.model_copy(update={"training": training}), base, hardware, examples, tmp_path, seed=0)
    assert all(proof["holds"] for proof in read_record(tmp_path)["proofs"])


def test_kernels_change_no_more_than_rounding(
    lora: Recipe, adapted: Callable[[Recipe], Any], examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trained by oneDNN or by torch's own kernels, losses and weights are the same but for rounding."""
    if not onednn_gain():
        pytest.skip("this build of torch has no oneDNN")
    records, weights = [], []
    for kernel in ("torch", "onednn"):
        monkeypatch.setenv("HARNESS_LINEAR", kernel)
        model = adapted(lora)
        records.append(train(model, examples, TrainingSettings(**SETTINGS), seed=0).losses)
        weights.append(torch.cat([p.detach().flatten() for p in parameters(model, learning=True).values()]))
    assert records[0] == pytest.approx(records[1], abs=1e-4)
    torch.testing.assert_close(*weights, atol=1e-3, rtol=0)


def test_nothing_is_left_behind(
    lora: Recipe, adapted: Callable[[Recipe], Any], examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After training, and after one that failed, linear layers, LoRA layers and attention are what they were."""
    own = torch.nn.functional.linear

    def stop(_: int) -> None:
        raise KeyError

    for advance in (lambda _: None, stop):
        model = adapted(lora)
        try:
            train(model, examples, TrainingSettings(**SETTINGS), seed=0, advance=advance)
        except KeyError:
            assert advance is stop
        assert torch.nn.functional.linear is own
        assert model.config._attn_implementation == "sdpa"
        assert not any("forward" in vars(module) for module in model.modules())


def test_on_another_device_than_a_cpu_nothing_is_installed(lora: Recipe, adapted: Callable[[Recipe], Any]) -> None:
    """There these means have no kernels, or haven't been measured."""
    model = adapted(lora)
    with quick_steps(model, torch.device("cuda"), bf16=True):
        assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
        assert not any("forward" in vars(module) for module in model.modules())


def test_an_unknown_kernel_stops_the_training(
    lora: Recipe, adapted: Callable[[Recipe], Any], examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the variable, before anything is trained."""
    monkeypatch.setenv("HARNESS_LINEAR", "fastest")
    with pytest.raises(InputError, match="HARNESS_LINEAR=fastest"):
        train(adapted(lora), examples, TrainingSettings(**SETTINGS), seed=0)
