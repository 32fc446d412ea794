import copy
import inspect
from subprocess import run
from sys import executable
from typing import Any

import pytest
import torch
from peft import PrefixTuningConfig, get_peft_model
from transformers import GPT2Config, GPT2LMHeadModel

import harness.inference
from harness.errors import InputError
from harness.inference import Engine, Mode


def test_the_package_hands_on_these_names() -> None:
    """What others may import."""
    assert harness.inference.__all__ == ["Backend", "ChoiceScores", "Engine", "Generation", "Mode"]
    assert all(hasattr(harness.inference, name) for name in harness.inference.__all__)


def test_the_engine_has_three_calls() -> None:
    """Score choices, generate, count tokens: nothing else can be called, and each says what it takes and gives."""
    calls = {name for name, _ in inspect.getmembers(Engine, inspect.isfunction) if not name.startswith("_")}
    assert calls == {"choose", "generate", "count"}
    assert all(inspect.getdoc(getattr(Engine, name)) for name in calls)


def test_the_package_is_imported_without_torch() -> None:
    """What only names the engine starts fast."""
    program = "import sys, harness.inference; print('torch' in sys.modules or 'transformers' in sys.modules)"
    assert run([executable, "-c", program], check=True, capture_output=True, text=True).stdout == "False\n"


def test_tokens_are_counted_without_special_ones(stories: Any, stories_tokenizer: Any) -> None:
    """Each text's tokens are those that it has inside a longer one; no texts have no counts."""
    engine = Engine(stories, stories_tokenizer)
    texts = ["Once upon a time", "", "Lily"]
    assert engine.count(texts) == [len(stories_tokenizer.tokenize(text)) for text in texts]
    assert engine.count([]) == []


def test_nothing_asked_is_nothing_answered(stories: Any, stories_tokenizer: Any) -> None:
    """No prompts have no scores, a prompt without choices has none, and neither stops the others."""
    engine = Engine(stories, stories_tokenizer)
    assert engine.choose([], []) == []
    assert [scores.loglikelihoods for scores in engine.choose([[1]], [[]])] == [()]
    told: list[int] = []
    scored = engine.choose([[1], [2], [3]], [[[4]], [], [[5], [6]]], advance=told.append)
    assert [len(scores.loglikelihoods) for scores in scored] == [1, 0, 2]
    assert sum(told) == 3


def test_no_new_tokens_are_no_text(stories: Any, stories_tokenizer: Any) -> None:
    """A limit of none is kept, in every mode."""
    for mode in Mode:
        engine = Engine(stories, stories_tokenizer, mode=mode)
        (answer,) = engine.generate([[1, 2, 3]], max_new_tokens=0)
        assert (answer.text, answer.tokens, answer.finished) == ("", 0, False)


@pytest.mark.parametrize("kind", [tuple, torch.tensor, lambda ids: torch.tensor(ids).numpy()])
def test_ids_may_come_in_any_sequence(stories: Any, stories_tokenizer: Any, kind: Any) -> None:
    """Tuples, tensors and arrays of token ids give what lists give."""
    engine = Engine(stories, stories_tokenizer)
    prompts, choices = [[1, 5, 9], [1, 5, 7, 8], [1, 5, 9]], [[[4, 6], [4, 7], [3]]] * 3
    others = [kind(prompt) for prompt in prompts], [[kind(choice) for choice in options] for options in choices]
    listed, other = engine.choose(prompts, choices), engine.choose(*others)
    assert [s.loglikelihoods for s in other] == [s.loglikelihoods for s in listed]
    listed_text, other_text = (
        [answer.text for answer in engine.generate(asked, max_new_tokens=5)] for asked in (prompts, others[0])
    )
    assert other_text == listed_text


def test_the_model_is_left_as_it_was(stories: Any, stories_tokenizer: Any) -> None:
    """Outside the calls the model attends as before, keeps no hooks, and its linear layers are torch's."""
    linear, before = torch.nn.functional.linear, stories.config._attn_implementation
    engine = Engine(stories, stories_tokenizer)
    engine.choose([[1, 2]], [[[3], [4]]])
    engine.generate([[1, 2]], max_new_tokens=2)
    with pytest.raises(IndexError):
        engine.choose([[1, 2]], [[[10**6]]])
    assert stories.config._attn_implementation == before
    assert torch.nn.functional.linear is linear
    assert not torch.is_inference_mode_enabled()


def test_a_soft_prompt_of_peft_itself_is_refused(stories: Any, stories_tokenizer: Any) -> None:
    """Its numbers depend on padding and on the cache, so no mode would be right; the remedy is named."""
    model = get_peft_model(copy.deepcopy(stories), PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3))
    with pytest.raises(InputError, match=r"soft prompts.*harness\.weights\.restore"):
        Engine(model, stories_tokenizer)


def test_a_model_that_was_trained_meanwhile_is_put_back_into_evaluation(stories: Any, stories_tokenizer: Any) -> None:
    """Dropout that somebody turned on between two calls changes nothing."""
    model = GPT2LMHeadModel(GPT2Config(vocab_size=512, n_layer=1, n_embd=16, n_head=2, resid_pdrop=0.5))
    engine = Engine(model, stories_tokenizer)
    before = engine.choose([[1, 2, 3]], [[[4], [5, 6]]])[0].loglikelihoods
    model.train()
    assert engine.choose([[1, 2, 3]], [[[4], [5, 6]]])[0].loglikelihoods == before
