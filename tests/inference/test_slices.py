"""Logits in slices are those of one piece, for models of every kind, and the layers are computed once."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import Gemma2Config, Gemma2ForCausalLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from harness.inference import Engine, Mode
from harness.inference.causal_lm import CausalLM

SMALL = {
    "vocab_size": 90,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
KINDS: dict[str, Callable[[], Any]] = {
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**SMALL)),
    "gpt2": lambda: GPT2LMHeadModel(GPT2Config(vocab_size=90, n_layer=2, n_embd=32, n_head=4)),
    "gemma2, which caps its logits": lambda: Gemma2ForCausalLM(
        Gemma2Config(**SMALL, head_dim=8, final_logit_softcapping=5.0)
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("most", [1, 3, 7, 100])
def test_slices_are_those_of_one_piece(kind: str, most: int, lively: Callable[[Any], Any]) -> None:
    """In order, each at most so wide; the layers run once, and the model's own forward is as before."""
    lm = CausalLM(lively(KINDS[kind]()))
    ids = torch.randint(90, (2, 12), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[1, :4] = 0
    runs: list[int] = []
    layer = next(module for name, module in lm.inner.named_modules() if name.endswith((".layers.0", ".h.0")))
    hook = layer.register_forward_pre_hook(lambda *_: runs.append(1))
    with torch.inference_mode():
        parts = list(lm.on_rows_in_slices(ids, mask, keep=7, prompt=mask, most=most))
        assert len(runs) == 1
        hook.remove()
        whole = lm.on_rows(ids, mask, keep=7, prompt=mask)[0]
    assert [part.shape[1] for part in parts] == [*[most] * (7 // most), *([7 % most] if 7 % most else [])]
    torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=0, atol=1e-5)
    assert "forward" not in vars(lm.inner.base_model)


@pytest.mark.parametrize("mode", list(Mode))
def test_scores_in_slices_are_those_of_plain_forwards(
    mode: Mode, lively: Callable[[Any], Any], numbers: Any, oracle: Any
) -> None:
    """With room for the logits of three tokens, choices of up to nine are scored as ever, and their checks pass."""
    model = lively(KINDS["llama"]())
    engine = Engine(model, numbers, mode=mode)
    engine._lm.logits_at_once = engine._room.logits = 3
    generator = torch.Generator().manual_seed(0)
    prompts = [torch.randint(90, (5 + place,), generator=generator).tolist() for place in range(4)]
    choices = [[torch.randint(90, (9 - place,), generator=generator).tolist(), [4, 5]] for place in range(4)]
    oracle.assert_scores(engine, model, prompts, choices)
    oracle.assert_answers(engine, model, prompts, 7)
    assert (engine.mode, engine.fallback) == (mode, "")
