"""The last layer is computed for those tokens alone whose logits are wanted."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    OPTConfig,
    PreTrainedConfig,
    Qwen3Config,
)

from harness.inference import Engine

SIZES: dict[str, Any] = {"vocab_size": 200, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4}
PLAIN: dict[str, Any] = {**SIZES, "intermediate_size": 64}
CONFIGS: dict[str, PreTrainedConfig] = {
    "llama": LlamaConfig(**PLAIN, num_key_value_heads=2),
    "qwen3": Qwen3Config(**PLAIN, num_key_value_heads=2, head_dim=8),
    "gemma 3": Gemma3TextConfig(**PLAIN, num_key_value_heads=2, head_dim=8, query_pre_attn_scalar=8),
    "gpt-neox": GPTNeoXConfig(**PLAIN),
    "gpt-2": GPT2Config(vocab_size=200, n_layer=3, n_embd=32, n_head=4),
    "opt": OPTConfig(**SIZES, ffn_dim=64, word_embed_proj_dim=32),
}
STEM = list(range(100))
PROMPTS = [[*STEM, *range(place, place + 30)] for place in range(20)]
LETTERS = [[[7], [8]]] * len(PROMPTS)


def tokens_in_activations(model: Any, ask: Callable[[], object]) -> list[int]:
    """How many tokens go through the activation of each layer while `ask` runs, in the order of the layers."""
    layers = next(part for part in model.modules() if isinstance(part, torch.nn.ModuleList))
    counts: Counter[int] = Counter()
    hooks = []
    for place, layer in enumerate(layers):
        activation = [
            part for name, part in layer.named_modules() if name.split(".")[-1] in ("act", "act_fn", "activation_fn")
        ]

        def count(module: Any, inputs: tuple[torch.Tensor, ...], output: Any, place: int = place) -> None:
            counts[place] += inputs[0].shape[:-1].numel()

        hooks.append(activation[0].register_forward_hook(count))
    ask()
    for hook in hooks:
        hook.remove()
    return [counts[place] for place in range(len(layers))]


@pytest.mark.parametrize("family", CONFIGS)
def test_only_wanted_tokens_go_through_all_of_it(family: str, lively: Callable[[Any], Any], numbers: Any) -> None:
    model = lively(AutoModelForCausalLM.from_config(CONFIGS[family]))
    engine = Engine(model, numbers)
    first = engine.choose(PROMPTS, LETTERS)  # checks the model too
    counted = tokens_in_activations(model, lambda: engine.choose(PROMPTS, LETTERS))
    every = len(STEM) + 30 * len(PROMPTS)
    assert counted[:2] == [every, every]
    assert counted[2] <= len(PROMPTS) + 1  # and one for a chunk in which nothing is wanted
    assert engine.choose(PROMPTS, LETTERS)[0].loglikelihoods == first[0].loglikelihoods
    assert not engine.fallback


def test_a_layer_that_takes_something_unknown_stays_as_it_is(lively: Callable[[Any], Any], numbers: Any) -> None:
    """Its tokens may hang together in ways that nobody told, so all are computed, as exactly as ever."""
    model = lively(AutoModelForCausalLM.from_config(CONFIGS["llama"]))
    known = Engine(model, numbers).choose(PROMPTS, LETTERS)
    layer = model.model.layers[-1]
    own = type(layer).forward

    class Odd(type(layer)):  # type: ignore[misc]
        def forward(self, hidden_states: torch.Tensor, weather: Any = None, **more: Any) -> Any:
            return own(self, hidden_states, **more)

    layer.__class__ = Odd
    engine = Engine(model, numbers)
    odd = engine.choose(PROMPTS, LETTERS)
    assert not engine.fallback
    for one, other in zip(known, odd, strict=True):
        assert one.loglikelihoods == pytest.approx(other.loglikelihoods, abs=1e-4)
    assert len(set(tokens_in_activations(model, lambda: engine.choose(PROMPTS, LETTERS)))) == 1
