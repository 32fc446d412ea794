"""Recipes are not made for Llamas alone: each trains and passes its proofs on other architectures."""

from pathlib import Path

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    PreTrainedConfig,
)

from harness.errors import InputError
from harness.weights import Base, Example, Hardware, Recipe, derive, locate_base, read_record

SIZES = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
CONFIGS: dict[str, PreTrainedConfig] = {
    "learned positions, Conv1D": GPT2Config(n_embd=16, n_layer=2, n_head=2, n_positions=64),
    "parallel sublayers": GPTNeoXConfig(**SIZES, max_position_embeddings=64),
    "four norms, sliding windows": Gemma3TextConfig(
        **SIZES, num_key_value_heads=1, head_dim=8, max_position_embeddings=64, sliding_window=32
    ),
}


@pytest.fixture(scope="module", params=CONFIGS)
def other(request: pytest.FixtureRequest, llama_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Base:
    """A small random model of another architecture."""
    folder = tmp_path_factory.mktemp("other")
    tokenizer = AutoTokenizer.from_pretrained(llama_folder)
    tokenizer.save_pretrained(folder)
    config = CONFIGS[request.param]
    config.vocab_size, config.bos_token_id, config.eos_token_id = len(tokenizer), None, 0
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return locate_base(str(folder))


def test_every_recipe_trains_and_is_proved(
    recipe: Recipe, other: Base, hardware: Hardware, examples: list[Example], tmp_path: Path
) -> None:
    """All proofs hold; QLoRA says that it can't quantise a model without linear layers."""
    if recipe.name == "qlora" and "GPT2" in (other.path / "config.json").read_text(encoding="utf-8"):
        with pytest.raises(InputError, match="has no linear layers that could be quantised"):
            derive(recipe, other, hardware, examples, tmp_path, seed=0)
        return
    derive(recipe, other, hardware, examples, tmp_path, seed=0)
    assert all(proof["holds"] for proof in read_record(tmp_path)["proofs"])
