from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MixtralConfig,
    OPTConfig,
    PreTrainedConfig,
)

from harness.errors import CacheError, InputError
from harness.weights import Base, Example, Hardware, Recipe, derive, load_model, method_of
from harness.weights.methods.decoder_layers import decoder_layers
from harness.weights.methods.freeze import Freeze, FreezeSettings

SMALL = {"vocab_size": 50, "hidden_size": 8, "num_hidden_layers": 3, "num_attention_heads": 2}
ARCHITECTURES: dict[str, tuple[PreTrainedConfig, str, set[str]]] = {
    "llama": (
        LlamaConfig(**SMALL, intermediate_size=8, tie_word_embeddings=False),
        "model.layers.",
        {"model.norm.weight", "lm_head.weight"},
    ),
    "llama, tied": (
        LlamaConfig(**SMALL, intermediate_size=8, tie_word_embeddings=True),
        "model.layers.",
        {"model.norm.weight"},
    ),
    "gpt-2": (
        GPT2Config(vocab_size=50, n_embd=8, n_layer=3, n_head=2),
        "transformer.h.",
        {"transformer.ln_f.weight", "transformer.ln_f.bias"},
    ),
    "gpt-neox": (
        GPTNeoXConfig(**SMALL, intermediate_size=8, tie_word_embeddings=False),
        "gpt_neox.layers.",
        {"gpt_neox.final_layer_norm.weight", "gpt_neox.final_layer_norm.bias", "lm_head.weight"},
    ),
    "opt, whose norm is registered before the layers": (
        OPTConfig(**SMALL, ffn_dim=8, word_embed_proj_dim=4, max_position_embeddings=16),
        "model.decoder.layers.",
        {
            "model.decoder.final_layer_norm.weight",
            "model.decoder.final_layer_norm.bias",
            "model.decoder.project_out.weight",
        },
    ),
    "mixtral": (
        MixtralConfig(**SMALL, intermediate_size=8, num_key_value_heads=2, num_local_experts=5),
        "model.layers.",
        {"model.norm.weight", "lm_head.weight"},
    ),
}


@pytest.fixture
def freeze(recipes: dict[str, Recipe]) -> Recipe:
    return recipes["freeze"]


def learning(model: Any) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize(("config", "layers", "above"), ARCHITECTURES.values(), ids=ARCHITECTURES.keys())
def test_the_top_learns_whatever_the_architecture(config: PreTrainedConfig, layers: str, above: set[str]) -> None:
    """The top layers learn, all of each, and what comes after, but no embeddings and what is tied to them."""
    model = AutoModelForCausalLM.from_config(config)
    assert [name for name, _ in decoder_layers(model)] == [f"{layers}{number}" for number in range(3)]
    names = {name for name, _ in model.named_parameters()}
    wanted = {name for name in names if name.startswith((f"{layers}1.", f"{layers}2."))}
    Freeze().attach(model, FreezeSettings(layers=2))
    assert learning(model) == wanted | above
    assert above <= names


def test_experts_are_no_layers() -> None:
    """A list within a list is not taken for the layers, however long it is."""
    experts = [torch.nn.ModuleList(torch.nn.Linear(1, 1) for _ in range(5)) for _ in range(2)]
    assert [name for name, _ in decoder_layers(torch.nn.ModuleDict({"layers": torch.nn.ModuleList(experts)}))] == [
        "layers.0",
        "layers.1",
    ]


def test_layers_thaw_from_the_top_down(base: Base, hardware: Hardware) -> None:
    """Epoch 0 trains the top layer, epoch 1 the two top ones, and no epoch more than `layers`."""
    method, model = Freeze(), load_model(base, dtype=hardware.dtype, device=hardware.device)
    settings = FreezeSettings(layers=2, unfreeze="gradual")
    method.attach(model, settings)
    both = learning(model)
    method.begin_epoch(model, settings, 0)
    assert learning(model) == {name for name in both if ".layers.0." not in name} != both
    method.begin_epoch(model, settings, 1)
    assert learning(model) == both
    method.begin_epoch(model, settings, 2)
    assert learning(model) == both


@pytest.mark.parametrize(
    ("unfreeze", "epochs", "moved"), [("none", 1, {0, 1}), ("gradual", 1, {1}), ("gradual", 2, {0, 1})]
)
def test_only_what_is_thawed_moves(
    unfreeze: str,
    epochs: int,
    moved: set[int],
    freeze: Recipe,
    base: Base,
    hardware: Hardware,
    examples: list[Example],
    tmp_path: Path,
) -> None:
    """The file holds all that may learn; of that, what gradual thawing didn't reach is the base's to the bit."""
    settings = {"layers": 2, "unfreeze": unfreeze}
    training = freeze.training.model_copy(update={"epochs": epochs, "weight_decay": 0.1})
    recipe = freeze.model_copy(update={"settings": settings, "training": training})
    derive(recipe, base, hardware, examples, tmp_path, seed=0)
    before = dict(load_model(base, dtype=hardware.dtype, device=hardware.device).named_parameters())
    trained = load_file(tmp_path / "weights.safetensors")
    assert trained.keys() == before.keys() - {"model.embed_tokens.weight"}
    for name, weight in trained.items():
        still = any(f".layers.{layer}." in name for layer in {0, 1} - moved)
        assert torch.equal(weight, before[name]) == still, name


def test_more_layers_than_there_are_is_an_error(base: Base, hardware: Hardware) -> None:
    """The message says how many there are."""
    model = load_model(base, dtype=hardware.dtype, device=hardware.device)
    with pytest.raises(InputError, match=r"layers is 3, but this base has 2.*from 1 to 2"):
        Freeze().attach(model, FreezeSettings(layers=3))


def test_a_model_without_layers_is_an_error() -> None:
    """Where nothing is a list of layers, that is said."""
    with pytest.raises(InputError, match="Linear has no list of layers"):
        Freeze().attach(torch.nn.Linear(1, 1), FreezeSettings())


def test_weights_of_another_base_are_an_error(
    freeze: Recipe, base: Base, hardware: Hardware, examples: list[Example], tmp_path: Path
) -> None:
    """A file whose layers have other shapes is not loaded."""
    derive(freeze, base, hardware, examples, tmp_path, seed=0)
    method, _ = method_of(freeze)
    other = AutoModelForCausalLM.from_config(LlamaConfig(**SMALL, intermediate_size=8, tie_word_embeddings=True))
    with pytest.raises(CacheError, match=r"doesn't hold the weights.*Remove that folder"):
        method.restore(other, tmp_path)
