"""The same numbers and texts as lm-evaluation-harness 0.4.13, with the model that it computes with."""

import json
import random
import re
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from harness.inference import Engine
from harness.inference.encoding import encode_pairs

POCKET = Path(__file__).parents[2] / "suites" / "pocket" / "base"
COMMONSENSE = Path(__file__).parents[2].parent / "shared" / "data" / "commonsense_mc"
SETS = ("ARC-Challenge", "ARC-Easy", "boolq", "openbookqa", "piqa", "social_i_qa", "winogrande")
OF_EACH = 150
NEW = 20
COARSE = 256  # nats: from here on float32, in which lm-eval sums, has steps of 3e-5 or more
Likelihoods = list[tuple[float, ...]]


class Item(NamedTuple):
    """A question with its options; `right` is the place of the right one."""

    context: str
    options: tuple[str, ...]
    right: int


@pytest.fixture(scope="module")
def items() -> list[Item]:
    """More than a thousand real items of seven sets, as their test files order them."""
    if not COMMONSENSE.is_dir():
        pytest.skip(f"the data sets of commonsense questions are not at {COMMONSENSE}")
    found = [
        item
        for name in SETS
        for row in json.loads((COMMONSENSE / name / "test.json").read_text())[:OF_EACH]
        if (item := parsed(row)) is not None
    ]
    assert len(found) >= 1_000
    return found


def parsed(row: dict[str, str]) -> Item | None:
    """The item of a row; None where one of its options is empty, which nobody can score."""
    asked, _, form = row["instruction"].partition("\n\nAnswer format: ")
    if not form:
        asked, _, form = row["instruction"].partition(" Answer format: ")
    labels = form.strip().split("/")
    question, *options = re.split(r"\s*(?:Answer|Solution|Option)\d: ?", asked.partition("question: ")[2] or asked)
    options = [option.strip() for option in options] or labels
    if len(options) != len(labels) or not all(options):
        return None
    context = f"Question: {question.strip()}\nAnswer:"
    return Item(context, tuple(f" {option}" for option in options), labels.index(row["answer"]))


def peer_of(model: Any, tokenizer: Any, **options: Any) -> HFLM:
    """lm-evaluation-harness with a copy of the tokenizer, to which it gives a padding token."""
    copied = AutoTokenizer.from_pretrained(tokenizer.name_or_path)
    return HFLM(pretrained=model, tokenizer=copied, batch_size=64, **options)


def asked_of(peer: HFLM, kind: str, arguments: list[Any]) -> Any:
    requests = [Instance(kind, {}, one, place) for place, one in enumerate(arguments)]
    return getattr(peer, kind)(requests, disable_tqdm=True)


def by_peer(peer: HFLM, items: list[Item]) -> Likelihoods:
    pairs = [(item.context, option) for item in items for option in item.options]
    found = iter(asked_of(peer, "loglikelihood", pairs))
    return [tuple(next(found)[0] for _ in item.options) for item in items]


def by_engine(model: Any, tokenizer: Any, items: list[Item]) -> tuple[Likelihoods, int]:
    """What the engine says, and how many contexts were cut to fit the window."""
    window = model.config.max_position_embeddings
    pairs = encode_pairs(
        tokenizer, ((item.context, option) for item in items for option in item.options), window=window
    )
    # options of different lengths may leave different parts of one context
    grouped = [(context, list(group)) for context, group in groupby(pairs, key=lambda pair: pair.context)]
    prompts, choices = zip(
        *((context, [pair.continuation for pair in group]) for context, group in grouped), strict=True
    )
    found = (value for scores in Engine(model, tokenizer).choose(prompts, choices) for value in scores.loglikelihoods)
    return [tuple(next(found) for _ in item.options) for item in items], sum(pair.cut > 0 for pair in pairs)


def right(items: list[Item], likelihoods: Likelihoods) -> list[bool]:
    return [
        item.right == max(range(len(row)), key=row.__getitem__) for item, row in zip(items, likelihoods, strict=True)
    ]


def assert_same(model: Any, tokenizer: Any, items: list[Item]) -> int:
    """Compares all items; gives how many contexts were cut to fit the window."""
    expected = by_peer(peer_of(model, tokenizer), items)
    found, cut = by_engine(model, tokenizer, items)
    assert right(items, found) == right(items, expected)
    coarse = [place for place, row in enumerate(expected) if min(row) <= -COARSE]
    assert len(coarse) < len(items) / 20
    finer = by_peer(peer_of(model, tokenizer, softmax_dtype="float64"), [items[place] for place in coarse])
    for place, row in zip(coarse, finer, strict=True):
        expected[place] = row
    assert worst(found, expected) < 1e-4
    return cut


def worst(ones: Likelihoods, others: Likelihoods) -> float:
    pairs = (pair for one, other in zip(ones, others, strict=True) for pair in zip(one, other, strict=True))
    return max(abs(a - b) for a, b in pairs)


def assert_same_text(model: Any, tokenizer: Any, contexts: list[str], until: list[str]) -> list[str]:
    settings = {"until": until, "max_gen_toks": NEW}
    expected = asked_of(peer_of(model, tokenizer), "generate_until", [(text, dict(settings)) for text in contexts])
    prompts = [tokenizer(text)["input_ids"] for text in contexts]
    found = Engine(model, tokenizer).generate(prompts, max_new_tokens=NEW, stop=until)
    assert [answer.text for answer in found] == expected
    return [answer.text for answer in found]


def test_real_items_have_the_scores_of_lm_eval(stories: Any, stories_tokenizer: Any, items: list[Item]) -> None:
    """Each option's log-likelihood is within 1e-4, and every item is right or wrong alike, also where contexts are cut.

    Sums too large for that in float32 are compared with those that lm-eval's own option of float64 gives.
    """
    assert assert_same(stories, stories_tokenizer, items) > 0


def test_real_questions_have_the_text_of_lm_eval(stories: Any, stories_tokenizer: Any, items: list[Item]) -> None:
    """Greedy answers to real questions are the same, up to the stop texts or the limit."""
    room = stories.config.max_position_embeddings - NEW
    fitting = [item.context for item in items if len(stories_tokenizer(item.context)["input_ids"]) <= room]
    texts = assert_same_text(stories, stories_tokenizer, fitting[::8], [".", "\n"])
    assert len(texts) >= 100
    assert len(set(texts)) > 50


@pytest.fixture(scope="module")
def tiny() -> Any:
    """A random Llama of two layers for the vocabulary of the pocket base."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=2048,
        num_hidden_layers=2,
        hidden_size=32,
        intermediate_size=64,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=96,
        initializer_range=0.2,
        bos_token_id=None,
        eos_token_id=0,
    )
    return LlamaForCausalLM(config).eval()


@pytest.fixture(scope="module")
def pocket() -> Any:
    return AutoTokenizer.from_pretrained(POCKET)


@pytest.fixture(scope="module")
def made_up() -> list[Item]:
    """Sixty questions that share shots and options, some longer than the window, some options of one token."""
    generator = random.Random(0)
    ships, ports = ("Marigold", "Heron", "Old Tom", "Zürich"), ("Elm", "Port Elm", "Elmsbridge", "Hull")
    shots = "Question: Where does the Swan lie?\nAnswer: Hull\n\n"
    found = []
    for number in range(60):
        ship, times = generator.choice(ships), generator.randrange(12)
        context = f"{shots * (number % 3)}{'It was day. ' * times}Question: Where is the {ship}, no. {number}?\nAnswer:"
        options = ("A", "B", "C", "D") if number % 4 == 0 else ports
        spaced = (context + " ", options) if number % 5 == 0 else (context, tuple(f" {option}" for option in options))
        found.append(Item(*spaced, generator.randrange(4)))
    return found


def test_made_up_items_have_the_scores_of_lm_eval(tiny: Any, pocket: Any, made_up: list[Item]) -> None:
    """A random model scores made-up items alike, with shared shots, contexts cut to fit and spaces at their ends."""
    assert assert_same(tiny, pocket, made_up) > 0


@pytest.mark.parametrize("until", [[], ["e"], [" ", "\n"]])
def test_made_up_items_have_the_text_of_lm_eval(tiny: Any, pocket: Any, made_up: list[Item], until: list[str]) -> None:
    """A random model continues made-up questions alike, with and without stop texts."""
    room = tiny.config.max_position_embeddings - NEW
    fitting = [item.context for item in made_up if len(pocket(item.context)["input_ids"]) <= room]
    texts = assert_same_text(tiny, pocket, fitting, until)
    assert len(texts) > 20
