from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest
from transformers import LlamaConfig, LlamaForCausalLM

from harness.inference import Engine

DRAW = Random(0)
STEM = [DRAW.randrange(50) for _ in range(70)]
PROMPTS = [[*STEM, *(DRAW.randrange(50) for _ in range(20))] for _ in range(30)]
CHOICES = [[[7], [8, 9]]] * len(PROMPTS)


@pytest.mark.parametrize("engines", [1, 4])
def test_threads_wait_for_each_other(engines: int, lively: Callable[[Any], Any], numbers: Any) -> None:
    """Threads that ask one engine, or several engines on one model, get what each would get alone."""
    sizes: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3}
    model = lively(LlamaForCausalLM(LlamaConfig(vocab_size=50, num_attention_heads=4, **sizes)))
    alone = Engine(model, numbers)
    scores = [one.loglikelihoods for one in alone.choose(PROMPTS, CHOICES)]
    texts = [one.text for one in alone.generate(PROMPTS, max_new_tokens=3)]
    own = model.config._attn_implementation
    shared = [Engine(model, numbers) for _ in range(engines)]

    def ask(place: int) -> bool:
        engine = shared[place % engines]
        same_scores = [one.loglikelihoods for one in engine.choose(PROMPTS, CHOICES)] == scores
        return same_scores and [one.text for one in engine.generate(PROMPTS, max_new_tokens=3)] == texts

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(8)))
    assert [engine.fallback for engine in shared] == [""] * engines
    assert model.config._attn_implementation == own
