import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import LlamaConfig, LlamaForCausalLM

from harness.weights import arithmetic, locate_base


def saved(folder, **changes):
    settings = {
        "vocab_size": 50,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "bos_token_id": None,
    }
    model = LlamaForCausalLM(LlamaConfig(**{**settings, **changes}))
    model.save_pretrained(folder)
    return model, arithmetic(locate_base(str(folder)))


@pytest.mark.parametrize("tied", [True, False])
def test_operations_are_those_that_torch_counts(tmp_path, tied):
    """They equal torch's own count but for norms, and for the half of the square that no token looks at."""
    model, sizes = saved(tmp_path, tie_word_embeddings=tied, attn_implementation="eager")
    tokens = 40
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, tokens, dtype=torch.int64))
    whole_square = 4 * sizes.layers * sizes.width * (tokens * tokens - tokens * (tokens + 1) // 2)
    norms = 2 * tokens * 32 * (2 * 3 + 1)
    assert counter.get_total_flops() == sizes.operations(tokens) + whole_square - norms


def test_keys_and_values_are_those_of_the_shared_heads(tmp_path):
    """What stays of a token is as much as transformers keeps in its cache."""
    model, sizes = saved(tmp_path)
    with torch.no_grad():
        cache = model(torch.zeros(1, 5, dtype=torch.int64), use_cache=True).past_key_values
    kept = sum(layer.keys.numel() + layer.values.numel() for layer in cache.layers)
    assert kept == 5 * sizes.kept
