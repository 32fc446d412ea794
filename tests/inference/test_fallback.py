"""Models that are wrong when prefixes are shared, most of them without a word: the engine notices and goes on plainer.

Each is a transformers model with one thing changed, of a kind that real ones have.
"""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

from harness.errors import InputError
from harness.inference import Engine, Mode

Tokens = list[list[int]]

NEW = 4
VOCABULARY = 100
FORBIDDEN = 13  # a token
WINDOW = 24  # tokens
LLAMA = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
GPT2 = {"vocab_size": VOCABULARY, "n_layer": 2, "n_embd": 32, "n_head": 4}

forward_of_llama, forward_of_gpt2 = LlamaForCausalLM.forward, GPT2LMHeadModel.forward


class CausalByPlace(LlamaForCausalLM):
    """Sees whatever came before it, whatever a tree's mask says; what masks of padding say it heeds."""

    @wraps(forward_of_llama)
    def forward(self, input_ids: Any, attention_mask: Any = None, **more: Any) -> Any:
        if attention_mask is not None and attention_mask.dim() == 4:
            queries, keys = input_ids.shape[1], attention_mask.shape[3]
            attention_mask = torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries)[None, None]
        return super().forward(input_ids=input_ids, attention_mask=attention_mask, **more)


class CountsItself(GPT2LMHeadModel):
    """Counts positions by the mask of padding, and where there is none by places: it doesn't heed those it is given."""

    @wraps(forward_of_gpt2)
    def forward(self, input_ids: Any, attention_mask: Any = None, position_ids: Any = None, **more: Any) -> Any:
        begin = more["past_key_values"].get_seq_length() if more.get("past_key_values") is not None else 0
        position_ids = torch.arange(begin, begin + input_ids.shape[1])[None]
        if attention_mask is not None and attention_mask.dim() == 2:
            position_ids = (attention_mask.cumsum(-1) - 1).clamp_min(0)[:, begin:]
        return super().forward(
            input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids % 1024, **more
        )


class CountsPadding(GPT2LMHeadModel):
    """Takes each token's place in its row for its position, so that padding on the left moves all numbers."""

    @wraps(forward_of_gpt2)
    def forward(self, input_ids: Any, position_ids: Any = None, **more: Any) -> Any:
        begin = more["past_key_values"].get_seq_length() if more.get("past_key_values") is not None else 0
        position_ids = torch.arange(begin, begin + input_ids.shape[1])[None] % 1024
        return super().forward(input_ids=input_ids, position_ids=position_ids, **more)


class HidesItsWindow(MistralForCausalLM):
    """Sees the last tokens only, and says so to nobody but itself."""

    @wraps(MistralForCausalLM.forward)
    def forward(self, **inputs: Any) -> Any:
        self.config.sliding_window = WINDOW
        try:
            return super().forward(**inputs)
        finally:
            self.config.sliding_window = None


class Breaks(LlamaForCausalLM):
    """Fails at one token."""

    @wraps(forward_of_llama)
    def forward(self, input_ids: Any, **more: Any) -> Any:
        if (input_ids == FORBIDDEN).any():
            raise RuntimeError("no room for the key")
        return super().forward(input_ids=input_ids, **more)


DIFFERENT: dict[str, Callable[[], Any]] = {
    "deaf to trees' masks": lambda: CausalByPlace._from_config(LlamaConfig(**LLAMA), attn_implementation="eager"),
    "counts positions itself": lambda: CountsItself(GPT2Config(**GPT2)),
    "hides its window": lambda: HidesItsWindow(MistralConfig(**LLAMA, sliding_window=None)),
}


def draw(length: int, seed: int) -> list[int]:
    """Tokens, none of them the forbidden one."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(FORBIDDEN + 1, VOCABULARY, (length,), generator=generator).tolist()


def questions(shots: int, many: int = 10) -> tuple[Tokens, list[Tokens]]:
    """Prompts that begin with the same `shots` tokens, and three choices for each."""
    prompts = [draw(shots, 0) + draw(2 + place, place) for place in range(many)]
    return prompts, [[draw(1 + place % 3, 50 + place), draw(2, 70 + place), [20]] for place in range(many)]


@pytest.mark.parametrize("kind", DIFFERENT)
def test_a_model_that_is_wrong_with_trees_is_computed_in_batches(
    kind: str, lively: Callable[[Any], Any], numbers: Any, oracle: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The first call notices, its numbers are right already, and one line of log for each way given up says why."""
    model = lively(DIFFERENT[kind]())
    engine = Engine(model, numbers)
    with caplog.at_level(logging.WARNING, "harness"):
        oracle.assert_scores(engine, model, *questions(40))
        oracle.assert_scores(engine, model, *questions(35))
    assert engine.mode is Mode.PADDED
    assert "where a plain forward pass gives" in engine.fallback
    warned = [record for record in caplog.records if record.name.startswith("harness")]
    assert len(warned) == engine.fallback.count("plain forward pass")


@pytest.mark.parametrize("kind", DIFFERENT)
def test_answers_of_a_model_that_is_wrong_with_trees_are_right(
    kind: str, lively: Callable[[Any], Any], numbers: Any, oracle: Any
) -> None:
    """Generation notices for itself, whether it is the first call or not."""
    model = lively(DIFFERENT[kind]())
    fresh, used = Engine(model, numbers), Engine(model, numbers)
    used.choose(*questions(40))
    for engine in (fresh, used):
        oracle.assert_answers(engine, model, questions(40)[0], NEW)
        assert engine.mode is Mode.PADDED


def test_a_model_that_is_wrong_when_padded_is_computed_row_by_row(
    lively: Callable[[Any], Any], numbers: Any, oracle: Any
) -> None:
    """Where padded batches are wrong too, each row is computed alone, and both reasons are told."""
    model = lively(CountsPadding(GPT2Config(**GPT2)))
    engine = Engine(model, numbers)
    oracle.assert_scores(engine, model, *questions(40))
    assert engine.mode is Mode.ALONE
    assert f"{Mode.PADDED}: " in engine.fallback
    oracle.assert_answers(engine, model, questions(40)[0], NEW)


@pytest.mark.parametrize("kind", ["deaf to trees' masks", "counts positions itself"])
def test_a_first_call_that_shares_nothing_hides_nothing(
    kind: str, lively: Callable[[Any], Any], numbers: Any, oracle: Any
) -> None:
    """A single row, by which trees can't be judged, isn't the last to be checked."""
    model = lively(DIFFERENT[kind]())
    engine = Engine(model, numbers)
    engine.choose([draw(80, 3)], [[[20], [21]]])
    oracle.assert_scores(engine, model, *questions(40))
    oracle.assert_answers(engine, model, questions(40)[0], NEW)


@pytest.mark.parametrize("longest", [[20, 60], [20, 28, 40]])
def test_longer_prompts_are_checked_again(
    longest: list[int], lively: Callable[[Any], Any], numbers: Any, oracle: Any
) -> None:
    """A window that only long prompts show is found when they come, at once or little by little."""
    model = lively(DIFFERENT["hides its window"]())
    engine = Engine(model, numbers)
    for length in longest:
        oracle.assert_scores(engine, model, [draw(length, 1), draw(length, 2)], [[[20], [21]]] * 2)
    assert engine.mode is Mode.PADDED


def test_longer_answers_are_checked_again(lively: Callable[[Any], Any], numbers: Any, oracle: Any) -> None:
    """A window that only long answers show is found when they come."""
    model = lively(DIFFERENT["hides its window"]())
    engine = Engine(model, numbers)
    prompts = [draw(WINDOW - 4, 1), draw(WINDOW - 4, 2)]
    oracle.assert_answers(engine, model, prompts, 2)
    assert engine.mode.shares
    oracle.assert_answers(engine, model, prompts, 2 * WINDOW)


def test_an_error_of_the_model_is_raised(lively: Callable[[Any], Any], numbers: Any) -> None:
    """Once the model was found right, what fails in it isn't taken for a reason to fall back."""
    model = lively(Breaks(LlamaConfig(**LLAMA)))
    engine = Engine(model, numbers)
    prompts, choices = questions(10)
    engine.choose(prompts, choices)
    with pytest.raises(RuntimeError, match="no room for the key"):
        engine.choose([[FORBIDDEN]], choices[:1])
    engine.generate(prompts, max_new_tokens=NEW)
    with pytest.raises(RuntimeError, match="no room for the key"):
        engine.generate([[FORBIDDEN]], max_new_tokens=NEW)
    assert (engine.mode, engine.fallback) == (Mode.CASCADE, "")


def test_an_error_that_batches_have_too_is_raised(lively: Callable[[Any], Any], numbers: Any) -> None:
    """Also in the first call nothing but sharing is given up for an error: what fails in batches fails."""
    with pytest.raises(RuntimeError, match="no room for the key"):
        Engine(lively(Breaks(LlamaConfig(**LLAMA))), numbers).choose([[FORBIDDEN]], [[[1], [2]]])


def test_an_error_of_the_caller_is_raised(lively: Callable[[Any], Any], numbers: Any) -> None:
    """What fails in `advance` is no fault of the model's, and is no reason to go on slower."""
    engine = Engine(lively(LlamaForCausalLM(LlamaConfig(**LLAMA))), numbers)

    def advance(prompts: int) -> None:
        raise OSError(f"no room to write that {prompts} are through")

    with pytest.raises(OSError, match="no room to write"):
        engine.choose(*questions(10), advance=advance)
    assert (engine.mode, engine.fallback) == (Mode.CASCADE, "")


def test_numbers_that_are_none_are_refused_where_one_row_has_them(lively: Callable[[Any], Any], numbers: Any) -> None:
    """One row among many whose logits are no numbers is an error, in any mode and after any check."""
    model = lively(LlamaForCausalLM(LlamaConfig(**LLAMA)))
    with torch.no_grad():
        model.model.embed_tokens.weight[FORBIDDEN] = float("nan")
    prompts, choices = questions(10)
    for mode in Mode:
        engine = Engine(model, numbers, mode=mode)
        engine.choose(prompts, choices)
        broken = [*prompts[:-1], [20, FORBIDDEN]]
        with pytest.raises(InputError, match="logits are no numbers"):
            engine.choose(broken, choices)
        with pytest.raises(InputError, match="logits are no numbers"):
            engine.generate(broken, max_new_tokens=NEW)
        assert engine.mode is mode
