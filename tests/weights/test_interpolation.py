from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from harness.errors import InputError
from harness.weights import (
    METHODS,
    Base,
    Example,
    Hardware,
    Recipe,
    Stage,
    derive,
    load_model,
    method_of,
    restore,
)
from harness.weights.interpolation import Line, average, lerp_into
from harness.weights.proofs import logits

PROMPTS = [[20, 21, 22, 30], [40], [5, 6, 7, 8, 9, 10, 11]]
ALPHAS = [0.0, 0.25, 0.5, 0.9, 1.0]
ON_WEIGHTS = [name for name, method in METHODS.items() if method.interpolation.kind == "weights"]
BY_SCALE = ["lora", "rslora", "qlora"]  # whose deltas are scaled


@pytest.fixture(scope="module")
def folders(
    base: Base,
    hardware: Hardware,
    examples: list[Example],
    recipes: dict[str, Recipe],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """What was trained, by recipe."""
    made = {}
    for name in ON_WEIGHTS:
        made[name] = tmp_path_factory.mktemp(name)
        derive(recipes[name], base, hardware, examples, made[name], seed=0)
    return made


@pytest.fixture
def prepared(base: Base, hardware: Hardware, recipes: dict[str, Recipe]) -> Any:
    """The base as a recipe computes with it: a fresh one for each name."""

    def load(name: str) -> Any:
        method, settings = method_of(recipes[name])
        return method.prepare(load_model(base, dtype=hardware.dtype, device=hardware.device), settings)

    return load


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
@pytest.mark.parametrize(("name", "scale"), [("lora", 6 / 4), ("rslora", 3 / 2)])  # rank 4: its root is 2
def test_lora_is_a_part_of_its_delta_merged_by_hand(
    base: Base,
    hardware: Hardware,
    recipes: dict[str, Recipe],
    folders: dict[str, Path],
    name: str,
    scale: float,
    alpha: float,
) -> None:
    """What lora@alpha computes, the base does after alpha * scale * B A was added; rsLoRA's scale is its own."""
    deltas = load_file(folders[name] / "adapter_model.safetensors")
    merged = load_model(base, dtype=hardware.dtype, device=hardware.device)
    changed = 0
    with torch.no_grad():
        for weight, parameter in merged.named_parameters():
            key = f"base_model.model.{weight.removesuffix('.weight')}.lora_"
            if f"{key}A.weight" in deltas:
                parameter += alpha * scale * deltas[f"{key}B.weight"] @ deltas[f"{key}A.weight"]
                changed += 1
    assert changed == len(deltas) / 2 == 14, "seven linear layers in each of two blocks"
    ours = logits(restore([Stage(recipes[name], folders[name])], base, hardware, alpha), PROMPTS)
    torch.testing.assert_close(ours, logits(merged, PROMPTS), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.25, 0.5, 0.9])
@pytest.mark.parametrize("name", BY_SCALE)
def test_scaling_the_delta_is_the_lerp_of_merged_weights(
    base: Base,
    hardware: Hardware,
    recipes: dict[str, Recipe],
    folders: dict[str, Path],
    prepared: Any,
    name: str,
    alpha: float,
) -> None:
    """Both ways to RECIPE@alpha give the same weights and logits, to 1e-6 in float32; QLoRA's on the dequantised."""
    method, _ = method_of(recipes[name])
    stages = [Stage(recipes[name], folders[name])]
    lerped = method.merged(method.restore(prepared(name), folders[name], 0.0))
    trained = method.merged(method.restore(prepared(name), folders[name]))
    lerp_into(dict(lerped.named_parameters()), dict(trained.named_parameters()), alpha)
    scaled = restore(stages, base, hardware, alpha)
    torch.testing.assert_close(logits(scaled, PROMPTS), logits(lerped, PROMPTS), rtol=0, atol=1e-6)
    weights = dict(method.merged(scaled).named_parameters())
    for weight, parameter in lerped.named_parameters():
        torch.testing.assert_close(weights[weight], parameter, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ON_WEIGHTS)
def test_the_ends_are_exact_and_the_middle_is_neither(
    base: Base, hardware: Hardware, recipes: dict[str, Recipe], folders: dict[str, Path], prepared: Any, name: str
) -> None:
    """@0 has the logits of the base as the recipe sees it and @1 the trained ones, bit by bit; @0.5 has neither."""
    stages = [Stage(recipes[name], folders[name])]
    plain = logits(prepared(name), PROMPTS)
    trained = logits(restore(stages, base, hardware), PROMPTS)
    at = {alpha: logits(restore(stages, base, hardware, alpha), PROMPTS) for alpha in (0.0, 0.5, 1.0)}
    assert torch.equal(at[0.0], plain)
    assert torch.equal(at[1.0], trained)
    assert not torch.equal(at[0.5], plain)
    assert not torch.equal(at[0.5], trained)


@pytest.mark.parametrize("name", ON_WEIGHTS)
def test_a_model_that_moves_is_what_restoring_gives(
    base: Base, hardware: Hardware, recipes: dict[str, Recipe], folders: dict[str, Path], prepared: Any, name: str
) -> None:
    """One model, moved to and fro in any order, has at every alpha the logits of one restored there, bit by bit."""
    method, _ = method_of(recipes[name])
    at = method.line(prepared(name), folders[name])
    assert at is not None
    stages, models = [Stage(recipes[name], folders[name])], set()
    for alpha in (0.5, 1.0, 0.25, 0.0, 0.9, 1.0, 0.0):
        model = at(alpha)
        models.add(id(model))
        assert torch.equal(logits(model, PROMPTS), logits(restore(stages, base, hardware, alpha), PROMPTS)), alpha
        assert not any(parameter.requires_grad for parameter in model.parameters())
    assert len(models) == 1


def test_tied_weights_stay_tied(base: Base, hardware: Hardware, full: Recipe, folders: dict[str, Path]) -> None:
    """An interpolated model shares input and output embeddings as its base does."""
    model = restore([Stage(full, folders["full"])], base, hardware, 0.5)
    assert model.get_input_embeddings().weight is model.get_output_embeddings().weight


def test_a_line_moves_in_place_and_only_what_was_trained() -> None:
    """The tensors stay the same objects, those that weren't trained the same values, and given ends are not touched."""
    weights = {"a": torch.nn.Parameter(torch.randn(5)), "b": torch.nn.Parameter(torch.randn(5))}
    trained = {"a": torch.randn(5)}
    before = {name: (id(tensor), tensor.data_ptr(), tensor.detach().clone()) for name, tensor in weights.items()}
    goal = trained["a"].clone()
    line = Line(weights, trained)
    for alpha in (0.3, 1.0, 0.0, 1.0):
        line.move(alpha)
    assert torch.equal(weights["a"], goal)
    assert torch.equal(weights["b"], before["b"][2])
    assert {name: (id(tensor), tensor.data_ptr()) for name, tensor in weights.items()} == {
        name: kept[:2] for name, kept in before.items()
    }
    trained["a"] += 1
    line.move(1.0)
    assert torch.equal(weights["a"], goal), "both ends are kept"
    line.move(0.0)
    assert torch.equal(weights["a"], before["a"][2])


def layer(seed: int, dtype: torch.dtype = torch.float32) -> torch.nn.Linear:
    torch.manual_seed(seed)
    return torch.nn.Linear(9, 7).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_soup_is_the_mean_in_whatever_order(dtype: torch.dtype) -> None:
    """The weights of the mean are those of float64 rounded once, the same bits for each order of three models."""
    soup = average(layer(seed, dtype) for seed in range(3))
    mean = torch.stack([layer(seed, dtype).weight.detach().double() for seed in range(3)]).mean(0)
    assert torch.equal(soup.weight, mean.to(dtype))
    for order in permutations(range(3)):
        reordered = average(layer(seed, dtype) for seed in order)
        assert torch.equal(reordered.weight, soup.weight)
        assert torch.equal(reordered.bias, soup.bias)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_soup_of_one_model_is_that_model(dtype: torch.dtype) -> None:
    """The mean of equal models, however many, has their bits."""
    for count in (1, 3, 7):
        assert torch.equal(average(layer(4, dtype) for _ in range(count)).weight, layer(4, dtype).weight)


def test_a_soup_of_seeds_lies_between_them(
    base: Base, hardware: Hardware, examples: list[Example], lora: Recipe, folders: dict[str, Path], tmp_path: Path
) -> None:
    """Trainings of two seeds, merged, have a mean with the architecture of the base, and logits of its own."""
    derive(lora, base, hardware, examples, tmp_path, seed=1)
    method, _ = method_of(lora)
    seeds = [Stage(lora, folders["lora"]), Stage(lora, tmp_path)]
    merged = [method.merged(restore([stage], base, hardware)) for stage in seeds]
    soup = average(method.merged(restore([stage], base, hardware)) for stage in seeds)
    parts = [dict(model.named_parameters()) for model in merged]
    for name, parameter in soup.named_parameters():
        torch.testing.assert_close(parameter, (parts[0][name] + parts[1][name]) / 2, rtol=0, atol=1e-7)
    assert not torch.equal(logits(soup, PROMPTS), logits(merged[0], PROMPTS))


def test_models_without_a_mean_are_refused() -> None:
    """None at all, or other weights than the first's: both are told, never averaged in part."""
    with pytest.raises(InputError, match="there are no models"):
        average([])
    with pytest.raises(InputError, match="other weights than one another"):
        average([torch.nn.Linear(9, 7), torch.nn.Linear(9, 7, bias=False)])
    with pytest.raises(InputError, match="other weights than one another"):
        average([torch.nn.Linear(9, 7), torch.nn.Linear(7, 9)])
