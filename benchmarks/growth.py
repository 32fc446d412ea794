"""How the seconds of the engine and of lm-evaluation-harness grow with one thing at a time, as lines of JSON.

A line is `{"growth", "by", "at", "engine", "lm_eval"}`: seconds (medians of the rounds); `lm_eval` is null where there
is nothing to compare with. Small sizes, so that what is fixed shows too.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from contest import OURS, PEER, encode, generate, score, score_encoded
from lm_eval_peer import Peer
from measure import take_turns
from workloads import Item, with_full_text, with_passages

SCORING_BATCH, GENERATION_BATCH = 4, 16  # of the peer, with which it was quickest
ROUNDS = 3
NEW_TOKENS = 16

SCORED: dict[str, tuple[tuple[int, ...], Callable[[int], list[Item]]]] = {
    "cases": ((5, 10, 20, 40), lambda cases: with_full_text(cases, 0)),
    "cases after 5 shots": ((2, 5, 10), lambda cases: with_full_text(cases, 5)),
    "shots": ((0, 1, 2, 4, 8), lambda shots: with_full_text(4, shots)),
    "options": ((1, 2, 4, 8, 16), lambda options: with_full_text(5, 0, options)),
    "passages": ((1, 2, 4), lambda shown: with_passages(1, 2, shown=shown)),
}
GENERATED: dict[str, tuple[tuple[int, ...], Callable[[int], tuple[list[Item], int]]]] = {
    "cases": ((5, 10, 20, 40), lambda cases: (with_full_text(cases, 0), NEW_TOKENS)),
    "shots": ((0, 1, 2, 4, 8), lambda shots: (with_full_text(16, shots), NEW_TOKENS)),
    "new tokens": ((4, 8, 16, 32, 64), lambda new: (with_full_text(16, 0), new)),
}
VARIANTS = (1, 2, 4, 8)


def scoring_growth(model: Any, tokenizer: Any, *, quick: bool) -> None:
    """Prints the seconds of scoring by cases, shots, options, passages in a prompt and variants."""
    peer = Peer(model, SCORING_BATCH)
    for by, (places, made) in SCORED.items():
        for at in _some(places, quick):
            items = made(at)
            ways = {PEER: partial(peer.score, items), OURS: partial(score, model, tokenizer, items)}
            _tell("scoring", by, at, ways, quick)
    encoded = encode(tokenizer, with_full_text(20, 0))  # once for all variants, as a run does

    def variants(count: int) -> None:
        for _ in range(count):
            score_encoded(model, tokenizer, encoded)

    for at in _some(VARIANTS, quick):
        _tell("scoring", "variants", at, {OURS: partial(variants, at)}, quick)


def generation_growth(model: Any, tokenizer: Any, *, quick: bool) -> None:
    """Prints the seconds of generation by cases, shots and new tokens."""
    peer = Peer(model, GENERATION_BATCH)
    for by, (places, made) in GENERATED.items():
        for at in _some(places, quick):
            items, new = made(at)
            contexts = [item.context for item in items]
            ways = {
                PEER: partial(peer.generate, contexts, new),
                OURS: partial(generate, model, tokenizer, contexts, new),
            }
            _tell("generation", by, at, ways, quick)


def _some(places: Sequence[int], quick: bool) -> Sequence[int]:
    return places[:3] if quick else places


def _tell(what: str, by: str, at: int, ways: Mapping[str, Callable[[], Any]], quick: bool) -> None:
    timed = take_turns(ways, 1 if quick else ROUNDS)
    seconds = {way: round(timed[way].median, 4) if way in timed else None for way in (OURS, PEER)}
    line = {"growth": what, "by": by, "at": at, "engine": seconds[OURS], "lm_eval": seconds[PEER]}
    print(json.dumps(line), flush=True)
