"""The engine's answers to what the cases of a task ask. Knows nothing of the library."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from harness.inference import Backend
from harness.pipeline.lm_eval.requests import Requests
from harness.pipeline.lm_eval.writing import Writing

Advance = Callable[[int], None]


def answer(engine: Backend, asked: Sequence[Requests], advance: Advance) -> list[dict[str, Any]]:
    """For each case the log-likelihoods of its pairs, whether each is greedy, and what goes on from its prompt.

    `advance` is told, now and then, how many cases are answered.
    """
    both = any(case.prompt for case in asked) and any(case.pairs for case in asked)
    tell = advance if not both else lambda cases: None
    rows: list[dict[str, Any]] = [
        {"loglikelihoods": [], "greedy": [], "generated_tokens": 0, "seconds": 0.0} for _ in asked
    ]
    _score(engine, asked, rows, tell)
    _write(engine, asked, rows, tell)
    if both:
        advance(len(asked))
    return rows


def _score(engine: Backend, asked: Sequence[Requests], rows: list[dict[str, Any]], advance: Advance) -> None:
    """Pairs of a case that have one context are choices of one prompt."""
    prompts = [
        (place, context, [pair.continuation for pair in pairs])
        for place, case in enumerate(asked)
        for context, pairs in groupby(case.pairs, key=lambda pair: pair.context)
    ]
    if not prompts:
        return
    scaled = _scaled(advance, len(prompts), sum(bool(case.pairs) for case in asked))
    scores = engine.choose([context for _, context, _ in prompts], [ends for *_, ends in prompts], advance=scaled)
    for (place, *_), found in zip(prompts, scores, strict=True):
        rows[place]["loglikelihoods"] += found.loglikelihoods
        rows[place]["greedy"] += found.greedy
        rows[place]["seconds"] += found.seconds


def _write(engine: Backend, asked: Sequence[Requests], rows: list[dict[str, Any]], advance: Advance) -> None:
    """Answers that are written alike are written together."""
    alike: dict[Writing, list[int]] = defaultdict(list)
    for place, case in enumerate(asked):
        if case.writing is not None:
            alike[case.writing].append(place)
    for told, places in alike.items():
        prompts = [asked[place].prompt for place in places]
        texts = engine.generate(prompts, max_new_tokens=told.max_new_tokens, stop=told.stop, advance=advance)
        for place, found in zip(places, texts, strict=True):
            rows[place].update(text=found.text, finished=found.finished, generated_tokens=found.tokens)
            rows[place]["seconds"] += found.seconds


def _scaled(advance: Advance, prompts: int, cases: int) -> Advance:
    """Tells `advance` of cases when it is told of prompts, of which a case may have several."""
    through = told = 0

    def scaled(count: int) -> None:
        nonlocal through, told
        through += count
        advance(through * cases // prompts - told)
        told = through * cases // prompts

    return scaled
