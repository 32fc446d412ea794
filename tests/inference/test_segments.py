"""Rows that are continued see what they share as segments, read once for all: numbers stay those of each row alone."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

from harness.inference import Engine, Mode, groups
from harness.inference.cache import RowsLayer
from harness.inference.groups import Group, Segment
from harness.inference.rows_attention import Held, Rows
from harness.inference.tree import grow

Prompt = list[int]

VOCABULARY, NEW = 12, 8
SIZES = {
    "vocab_size": VOCABULARY,
    "num_hidden_layers": 2,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
EXACTLY = settings(deadline=None, derandomize=True, max_examples=25)


@contextmanager
def worth(tokens: int) -> Iterator[None]:
    """A product counts as little, so that short prompts have segments on many levels."""
    with patch.object(groups, "_PRODUCT", tokens):
        yield


@st.composite
def some_tree(draw: st.DrawFn) -> list[Prompt]:
    """Up to 14 prompts, each the beginning of an earlier one and a tail; some are equal, some begin others."""
    part = st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=25)
    prompts = [draw(part)]
    for _ in range(draw(st.integers(0, 11))):
        stem = draw(st.sampled_from(prompts))
        cut = draw(st.sampled_from([len(stem), len(stem), len(stem) // 2, 1]))
        prompts.append(stem[:cut] + draw(part))
    stem = draw(st.sampled_from(prompts))
    return [*prompts, stem[: draw(st.integers(1, len(stem)))], *draw(st.lists(st.sampled_from(prompts), max_size=1))]


@pytest.fixture(scope="module")
def llama(lively: Callable[[Any], Any]) -> Any:
    return lively(LlamaForCausalLM(LlamaConfig(**SIZES)))


def until(answer: Prompt, ends: Sequence[int]) -> Prompt:
    """The answer up to its first end token."""
    return answer[: next((place for place, token in enumerate(answer) if token in ends), len(answer))]


@EXACTLY
@given(
    some_tree(),
    st.sampled_from([1, 5, 20]),
    st.sampled_from([1, 3, 128]),
    st.sampled_from([60, 200, 16_384]),
    st.integers(1, 64),
    st.sets(st.integers(0, VOCABULARY - 1), max_size=2),
)
def test_answers_over_segments_are_those_of_rows_alone(
    llama: Any,
    numbers: Any,
    oracle: Any,
    prompts: list[Prompt],
    product: int,
    rows: int,
    columns: int,
    chunk: int,
    ends: set[int],
) -> None:
    """Whatever the tree, however it is grouped and cut, whichever rows end before others; and nothing falls back."""
    llama.generation_config.eos_token_id = sorted(ends) or None
    engine = Engine(llama, numbers, batch_rows=rows, batch_tokens=columns, chunk_tokens=chunk)
    with worth(product):
        answers = engine.generate(prompts, max_new_tokens=NEW)
    llama.generation_config.eos_token_id = None
    for prompt, answer in zip(prompts, answers, strict=True):
        assert answer.text == numbers.decode(until(oracle.answer(llama, prompt, NEW), ends))
    assert (engine.mode, engine.fallback) == (Mode.CASCADE, "")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_passages_and_questions_are_exact(
    dtype: torch.dtype, numbers: Any, oracle: Any, lively: Callable[[Any], Any]
) -> None:
    """Three passages of 300 tokens after the same shots, four questions each, by the usual settings."""
    generator = torch.Generator().manual_seed(0)

    def draw(length: int) -> Prompt:
        drawn: Prompt = torch.randint(VOCABULARY, (length,), generator=generator).tolist()
        return drawn

    shots = draw(90)
    passages = [draw(300) for _ in range(3)]
    prompts = [shots + passage + draw(5 + 9 * place) for place in range(4) for passage in passages]
    ordered = sorted(prompts)
    made = list(groups.groups(grow(ordered, [1] * 12), ordered, NEW, shares=True, rows=128, columns=16_384))
    assert [len(group.segments) for group in made] == [4]
    model = lively(LlamaForCausalLM(LlamaConfig(**SIZES))).to(dtype)
    engine = Engine(model, numbers)
    if dtype is torch.bfloat16:  # in which a batch of another size has other roundings
        assert len(engine.generate(prompts, max_new_tokens=NEW)) == 12
    else:
        oracle.assert_answers(engine, model, prompts, NEW)
    assert (engine.mode, engine.fallback) == (Mode.CASCADE, "")


@settings(EXACTLY, max_examples=10)
@given(some_tree(), st.integers(1, 64))
def test_windows_go_without_segments(
    numbers: Any, oracle: Any, lively: Callable[[Any], Any], prompts: list[Prompt], chunk: int
) -> None:
    """Where a model forgets, all tokens are each row's own, and the answers are right."""
    model = lively(MistralForCausalLM(MistralConfig(**SIZES, sliding_window=9)))
    engine = Engine(model, numbers, chunk_tokens=chunk)
    with worth(1), patch.object(groups, "_segments", side_effect=AssertionError("segments where a model forgets")):
        if max(map(len, prompts)) + NEW > 9:
            oracle.assert_answers(engine, model, prompts, NEW)
            assert engine.fallback == ""


@EXACTLY
@given(some_tree(), st.sampled_from([1, 5, 20]), st.booleans(), st.data())
def test_attention_over_segments_is_attention_over_all(
    prompts: list[Prompt], product: int, grouped: bool, data: st.DataObject
) -> None:
    """Each row's result is that of torch's attention to its path and its own, also where rows are thrown out."""
    distinct = sorted({tuple(prompt) for prompt in prompts})
    with worth(product):
        (group,) = groups.groups(grow(distinct, [1] * len(distinct)), distinct, 1, shares=True, rows=99, columns=9999)
    generator = torch.Generator().manual_seed(0)
    heads, width = (2, 8)
    query_heads = heads * (2 if grouped else 1)
    held = [
        Held(segment, *([torch.randn(heads, *shape, generator=generator)] for shape in ((width, n), (n, width))))
        for segment in group.segments
        for n in [segment.end - segment.begin]
    ]
    own = torch.randn(2, heads, len(distinct), group.columns + 1, width, generator=generator)
    rows = data.draw(st.lists(st.sampled_from(range(len(distinct))), min_size=1, unique=True).map(sorted))
    left = [part for one in held if (part := one.within(rows))]
    bias = hidden(group)[rows]
    query = torch.randn(len(rows), query_heads, 1, width, generator=generator)
    layer = RowsLayer(*own[:, :, rows], own.shape[3])
    found = Rows(left, bias, [layer]).attend(query, layer.keys, layer.values, 0.3)
    assert found.shape == (len(rows), 1, query_heads, width)
    for place, row in enumerate(rows):
        path = [one for one in held if one.segment.first <= row < one.segment.stop]
        first = group.columns - group.own[row]
        keys = torch.cat([*(one.keys[0].transpose(1, 2) for one in path), own[0, :, row, first:]], 1)
        values = torch.cat([*(one.values[0] for one in path), own[1, :, row, first:]], 1)
        right = torch.nn.functional.scaled_dot_product_attention(
            query[place], *(part.repeat_interleave(query_heads // heads, 0) for part in (keys, values)), scale=0.3
        )
        torch.testing.assert_close(found[place, 0], right[:, 0], rtol=1e-5, atol=1e-5)


def hidden(group: Group) -> torch.Tensor:
    """Minus infinity before each row's own columns, `(rows, 1, columns + 1)`."""
    bias = torch.zeros(len(group.own), 1, group.columns + 1)
    for row, own in enumerate(group.own):
        bias[row, 0, : group.columns - own] = -torch.inf
    return bias


def test_a_segment_shrinks_with_its_rows_and_goes_with_the_last() -> None:
    """Rows are counted anew among those that are left."""
    held = Held(Segment(3, 5, 2, 6), [], [])
    assert held.within([0, 2, 5, 6]) == Held(Segment(3, 5, 1, 3), [], [])
    assert held.within([1, 4]) == Held(Segment(3, 5, 1, 2), [], [])
    assert held.within([0, 1, 6]) is None
