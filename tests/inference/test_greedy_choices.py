"""Whether a choice is what greedy decoding would write, against lm-evaluation-harness 0.4.13 and plain forwards."""

from typing import Any

import pytest
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from transformers import AutoTokenizer

from harness.inference import Engine, Mode
from harness.inference.encoding import encode_pairs, encode_prompts, encode_windows

OPENINGS = ["Once upon a time", "Lily went to the park", "Tom had a red ball. The ball", "One day, the dog"]
WORDS = ["", " was", " and the very big dog said"]


def peer_of(model: Any, tokenizer: Any) -> HFLM:
    return HFLM(pretrained=model, tokenizer=AutoTokenizer.from_pretrained(tokenizer.name_or_path), batch_size=4)


@pytest.fixture(scope="module")
def pairs(stories: Any, stories_tokenizer: Any) -> list[tuple[str, str]]:
    """Each opening with the model's own continuation, a beginning of it, and others."""
    own = Engine(stories, stories_tokenizer).generate(
        [stories_tokenizer(text)["input_ids"] for text in OPENINGS], max_new_tokens=8
    )
    made = [(text, f" {answer.text.strip()}") for text, answer in zip(OPENINGS, own, strict=True)]
    return [*made, *((text, word or end[:4]) for text, end in made for word in WORDS)]


@pytest.mark.parametrize("mode", list(Mode))
def test_greedy_choices_are_those_of_lm_eval(
    stories: Any, stories_tokenizer: Any, pairs: list[tuple[str, str]], mode: Mode
) -> None:
    """In every mode a choice counts as greedy where lm-eval says that it is, among choices of one prompt too."""
    requests = [Instance("loglikelihood", {}, pair, place) for place, pair in enumerate(pairs)]
    expected = [greedy for _, greedy in peer_of(stories, stories_tokenizer).loglikelihood(requests, disable_tqdm=True)]
    assert set(expected) == {True, False}
    ids = encode_pairs(stories_tokenizer, pairs)
    engine = Engine(stories, stories_tokenizer, mode=mode)
    found = engine.choose([pair.context for pair in ids], [[pair.continuation] for pair in ids])
    assert [scores.greedy for scores in found] == [(greedy,) for greedy in expected]
    by_opening: dict[tuple[int, ...], list[int]] = {}
    for place, pair in enumerate(ids):
        by_opening.setdefault(pair.context, []).append(place)
    together = engine.choose(
        list(by_opening), [[ids[place].continuation for place in places] for places in by_opening.values()]
    )
    for scores, places in zip(together, by_opening.values(), strict=True):
        assert scores.greedy == tuple(expected[place] for place in places)


@pytest.mark.parametrize("words", [0, 1, 40, 400, 1100])
def test_whole_texts_have_the_windows_of_lm_eval(stories: Any, stories_tokenizer: Any, words: int) -> None:
    """The parts of a text, short or of several windows, have the sum of log-likelihoods that lm-eval gives it."""
    text = " ".join(("Lily and Tom went to the park and saw a dog " * 110).split()[:words])
    window = stories.config.max_position_embeddings
    parts = encode_windows(stories_tokenizer, text, window=window)
    assert len(parts) > 1 or words < 1000
    scores = Engine(stories, stories_tokenizer).choose(
        [part.context for part in parts], [[part.continuation] for part in parts]
    )
    request = Instance("loglikelihood_rolling", {}, (text,), 0)
    [expected] = peer_of(stories, stories_tokenizer).loglikelihood_rolling([request], disable_tqdm=True)
    assert sum(score.loglikelihoods[0] for score in scores) == pytest.approx(expected, rel=1e-5, abs=1e-3)


def test_prompts_are_cut_on_the_left(stories_tokenizer: Any) -> None:
    """A prompt keeps its last tokens, as many as there is room for, and tells how many it lost."""
    [(whole, none), (same, short)] = [
        encode_prompts(stories_tokenizer, ["Once upon a time there was a dog"], room=room)[0] for room in (100, 4)
    ]
    assert none == 0
    assert same == whole[-4:]
    assert short == len(whole) - 4
