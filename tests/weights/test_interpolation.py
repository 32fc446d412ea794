from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from harness.weights import Base, Example, Hardware, Recipe, Stage, derive, load_model, restore
from harness.weights.proofs import logits

PROMPTS = [[20, 21, 22, 30], [40], [5, 6, 7, 8, 9, 10, 11]]
ALPHAS = [0.0, 0.25, 0.5, 0.9, 1.0]


@pytest.fixture(scope="module")
def folders(
    base: Base,
    hardware: Hardware,
    examples: list[Example],
    full: Recipe,
    lora: Recipe,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """What was trained, by recipe."""
    made = {}
    for recipe in (full, lora):
        made[recipe.name] = tmp_path_factory.mktemp(recipe.name)
        derive(recipe, base, hardware, examples, made[recipe.name], seed=0)
    return made


@pytest.mark.parametrize("alpha", ALPHAS)
def test_full_weights_are_on_the_line_between_base_and_trained(
    base: Base, hardware: Hardware, full: Recipe, folders: dict[str, Path], alpha: float
) -> None:
    """Every weight of full@alpha is (1 - alpha) * base + alpha * trained, to the bit at both ends."""
    plain = load_model(base, dtype=hardware.dtype, device=hardware.device)
    trained = load_file(folders["full"] / "weights.safetensors")
    between = dict(restore([Stage(full, folders["full"])], base, hardware, alpha).named_parameters())
    for name, parameter in plain.named_parameters():
        line = (1 - alpha) * parameter.double() + alpha * trained[name].double()
        tolerance = 0 if alpha in (0.0, 1.0) else 1e-7
        torch.testing.assert_close(between[name].double(), line, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_lora_is_a_part_of_its_delta_merged_by_hand(
    base: Base, hardware: Hardware, lora: Recipe, folders: dict[str, Path], alpha: float
) -> None:
    """lora@alpha computes what the base does after alpha * (lora alpha / rank) * B A was added to its weights."""
    deltas = load_file(folders["lora"] / "adapter_model.safetensors")
    merged = load_model(base, dtype=hardware.dtype, device=hardware.device)
    changed = 0
    with torch.no_grad():
        for name, parameter in merged.named_parameters():
            key = f"base_model.model.{name.removesuffix('.weight')}.lora_"
            if f"{key}A.weight" in deltas:
                parameter += alpha * (6 / 4) * deltas[f"{key}B.weight"] @ deltas[f"{key}A.weight"]
                changed += 1
    assert changed == len(deltas) / 2 == 14, "seven linear layers in each of two blocks"
    ours = logits(restore([Stage(lora, folders["lora"])], base, hardware, alpha), PROMPTS)
    torch.testing.assert_close(ours, logits(merged, PROMPTS), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["full", "lora"])
def test_the_ends_are_exact_and_the_middle_is_neither(
    base: Base, hardware: Hardware, folders: dict[str, Path], name: str, request: pytest.FixtureRequest
) -> None:
    """@0 has the base's logits and @1 the trained ones, bit by bit; @0.5 has neither."""
    recipe = request.getfixturevalue(name)
    plain = logits(load_model(base, dtype=hardware.dtype, device=hardware.device), PROMPTS)
    trained = logits(restore([Stage(recipe, folders[name])], base, hardware), PROMPTS)
    at = {
        alpha: logits(restore([Stage(recipe, folders[name])], base, hardware, alpha), PROMPTS)
        for alpha in (0.0, 0.5, 1.0)
    }
    assert torch.equal(at[0.0], plain)
    assert torch.equal(at[1.0], trained)
    assert not torch.equal(at[0.5], plain)
    assert not torch.equal(at[0.5], trained)


def test_tied_weights_stay_tied(base: Base, hardware: Hardware, full: Recipe, folders: dict[str, Path]) -> None:
    """An interpolated model shares input and output embeddings as its base does."""
    model = restore([Stage(full, folders["full"])], base, hardware, 0.5)
    assert model.get_input_embeddings().weight is model.get_output_embeddings().weight
