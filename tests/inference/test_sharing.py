"""Sharing prefixes changes no number: random prompts that share much, with a model whose logits differ clearly."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import LlamaConfig, LlamaForCausalLM

from harness.inference import Engine, Mode
from harness.kernels.linear import onednn_gain

Prompt = list[int]

VOCABULARY = 12
NEW = 6
STEMS = st.sampled_from([0, 1, 5, 31, 32, 63, 64, 65, 100]).flatmap(
    lambda length: st.binary(min_size=length, max_size=length)
)
TAILS = st.binary(min_size=0, max_size=20)
EXACTLY = settings(deadline=None, derandomize=True, max_examples=25)


def tokens(drawn: bytes, alphabet: int) -> Prompt:
    return [byte % alphabet for byte in drawn]


@st.composite
def some_prompts(draw: st.DrawFn) -> list[Prompt]:
    """Up to eight prompts from up to three stems: with tails or cut, some of them equal, of 1 to 120 tokens."""
    alphabet = draw(st.integers(1, VOCABULARY))
    stems = draw(st.lists(STEMS, min_size=1, max_size=3))
    made = []
    for _ in range(draw(st.integers(1, 6))):
        stem = draw(st.sampled_from(stems))
        cut = draw(st.sampled_from([len(stem), len(stem), len(stem) // 2]))
        made.append(tokens(stem[:cut] + draw(TAILS), alphabet) or [0])
    return [*made, *draw(st.lists(st.sampled_from(made), max_size=2))]


@st.composite
def some_questions(draw: st.DrawFn) -> tuple[list[Prompt], list[list[Prompt]]]:
    """Prompts with one to four choices each, of 1 to 5 tokens, and some that others begin with or that equal them."""
    prompts = draw(some_prompts())
    choice = st.binary(min_size=1, max_size=5).map(lambda drawn: tokens(drawn, VOCABULARY))
    choices = [draw(st.lists(choice, min_size=1, max_size=3)) for _ in prompts]
    return prompts, [[*options, options[0][:1]] for options in choices]


@pytest.fixture(scope="module")
def llama(lively: Callable[[Any], Any]) -> Any:
    """A random Llama of three layers, whose queries share keys and values in pairs."""
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        num_hidden_layers=3,
        hidden_size=32,
        intermediate_size=64,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    return lively(LlamaForCausalLM(config))


def generated(model: Any, prompt: Prompt, ends: list[int]) -> Prompt:
    """What transformers' own greedy decoding adds to a prompt alone."""
    ids = torch.tensor([prompt])
    whole = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=NEW,
        eos_token_id=ends or None,
        pad_token_id=0,
    )
    added: Prompt = whole[0, len(prompt) :].tolist()
    return added


@EXACTLY
@given(some_questions(), st.integers(1, 64))
def test_choices_have_the_scores_of_plain_forwards(
    llama: Any, numbers: Any, oracle: Any, questions: tuple[list[Prompt], list[list[Prompt]]], chunk: int
) -> None:
    """Whatever is shared and however it is cut into chunks, within 1e-4, and without falling back."""
    engine = Engine(llama, numbers, chunk_tokens=chunk)
    oracle.assert_scores(engine, llama, *questions)
    assert (engine.mode, engine.fallback) == (Mode.CASCADE, "")


@EXACTLY
@given(
    some_prompts(),
    st.integers(1, 64),
    st.integers(1, 8),
    st.integers(1, 400),
    st.lists(st.integers(0, VOCABULARY - 1), max_size=3),
)
def test_answers_are_those_of_transformers(
    llama: Any, numbers: Any, prompts: list[Prompt], chunk: int, rows: int, columns: int, ends: list[int]
) -> None:
    """Token by token, whatever is shared, grouped and finished early, and without falling back."""
    llama.generation_config.eos_token_id = ends
    engine = Engine(llama, numbers, chunk_tokens=chunk, batch_rows=rows, batch_tokens=columns)
    for prompt, answer in zip(prompts, engine.generate(prompts, max_new_tokens=NEW), strict=True):
        right = generated(llama, prompt, ends)
        finished = right[-1] in ends
        assert answer.text == numbers.decode(right[:-1] if finished else right)
        assert (answer.tokens, answer.finished) == (len(right), finished)
    assert (engine.mode, engine.fallback) == (Mode.CASCADE, "")


@settings(EXACTLY, max_examples=10)
@given(some_questions(), st.randoms(use_true_random=False), st.integers(1, 64))
def test_the_order_changes_nothing(
    llama: Any, numbers: Any, questions: tuple[list[Prompt], list[list[Prompt]]], random: Random, chunk: int
) -> None:
    """One engine, asked twice in different orders, gives each prompt the same scores and the same answer."""
    llama.generation_config.eos_token_id = None
    prompts, choices = questions
    order = list(range(len(prompts)))
    random.shuffle(order)
    moved = [prompts[place] for place in order]
    engine = Engine(llama, numbers, chunk_tokens=chunk, batch_rows=3)
    scored, scored_again = engine.choose(prompts, choices), engine.choose(moved, [choices[place] for place in order])
    told, told_again = (engine.generate(asked, max_new_tokens=NEW) for asked in (prompts, moved))
    for place, again in zip(order, range(len(order)), strict=True):
        expected = pytest.approx(scored[place].loglikelihoods, rel=0, abs=1e-4)
        assert scored_again[again].loglikelihoods == expected
        assert told_again[again].text == told[place].text


@settings(EXACTLY, max_examples=8)
@given(some_questions(), st.integers(1, 64))
def test_threads_change_nothing(
    llama: Any, numbers: Any, questions: tuple[list[Prompt], list[list[Prompt]]], chunk: int
) -> None:
    """One thread and two give the same scores, within 1e-4, and the same answers."""
    llama.generation_config.eos_token_id = None
    prompts, choices = questions
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        engine = Engine(llama, numbers, chunk_tokens=chunk)
        scores = [value for case in engine.choose(prompts, choices) for value in case.loglikelihoods]
        found.append((scores, [answer.text for answer in engine.generate(prompts, max_new_tokens=NEW)]))
    torch.set_num_threads(1)
    (one, one_told), (two, two_told) = found
    assert two == pytest.approx(one, rel=0, abs=1e-4)
    assert two_told == one_told


@pytest.mark.parametrize("kernel", ["torch", "onednn"])
def test_many_prompts_are_exact_with_either_kernel(
    kernel: str, llama: Any, numbers: Any, oracle: Any, lively: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty prompts over two sets of shots, in chunks and groups of the usual sizes, are exact with both."""
    if kernel == "onednn" and not onednn_gain():
        pytest.skip("this build of torch can't compute with oneDNN")
    monkeypatch.setenv("HARNESS_LINEAR", kernel)
    generator = torch.Generator().manual_seed(0)

    def draw(length: int) -> Prompt:
        drawn: Prompt = torch.randint(VOCABULARY, (length,), generator=generator).tolist()
        return drawn

    shots = [draw(90), draw(150)]
    prompts = [shots[place % 2] + draw(1 + place % 23) for place in range(60)]
    engine = Engine(lively(llama), numbers)
    oracle.assert_scores(engine, llama, prompts, [[draw(1 + place % 4), draw(2)] for place in range(60)])
    oracle.assert_answers(engine, llama, prompts, NEW)
    assert (engine.mode, engine.fallback) == (Mode.CASCADE, "")


def test_bfloat16_is_shared_and_near_a_plain_forward(
    llama: Any, numbers: Any, oracle: Any, lively: Callable[[Any], Any]
) -> None:
    """In bfloat16 nothing falls back, and each choice is within half a nat of a plain forward pass in bfloat16."""
    coarse = lively(LlamaForCausalLM(llama.config)).to(torch.bfloat16)
    shots = [place * 7 % VOCABULARY for place in range(100)]
    prompts = [[*shots, place, place * 5 % VOCABULARY] for place in range(VOCABULARY)]
    choices = [[[1, 2], [3], [4, 5, 6]]] * len(prompts)
    engine = Engine(coarse, numbers, chunk_tokens=32)
    for prompt, scores in zip(prompts, engine.choose(prompts, choices), strict=True):
        right = [oracle.loglikelihood(coarse, prompt, choice) for choice in choices[0]]
        assert scores.loglikelihoods == pytest.approx(right, rel=0, abs=0.5)
    assert len(engine.generate(prompts, max_new_tokens=NEW)) == len(prompts)
    assert (engine.mode, engine.fallback) == (Mode.CASCADE, "")
