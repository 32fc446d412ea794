"""lm-evaluation-harness as the peer of the engine's benchmarks: its `hf` model with its defaults, progress bars off.

It groups continuations that differ in their last token only (`logits_cache`), which stays on.
"""

import logging
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from workloads import Item, word_tokenizer

BATCH_SIZES = (1, 4, 8)

logging.getLogger("lm_eval").setLevel(logging.ERROR)
os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one thread means one, in the tokenizer too


class Peer:
    """lm-evaluation-harness with one model and one batch size, which it asks as its own evaluator does."""

    def __init__(self, model: Any, batch_size: int) -> None:
        # a tokenizer of its own, since it may change it
        self._lm = HFLM(pretrained=model, tokenizer=word_tokenizer(), batch_size=batch_size)

    def score(self, items: Sequence[Item]) -> list[tuple[float, ...]]:
        """The log-likelihoods of each item's options, in nats."""
        pairs = [(item.context, option) for item in items for option in item.options]
        found = iter(self._lm.loglikelihood(_requests("loglikelihood", pairs), disable_tqdm=True))
        return [tuple(next(found)[0] for _ in item.options) for item in items]

    def generate(self, contexts: Sequence[str], new_tokens: int) -> list[str]:
        """The greedy continuation of each context, up to `new_tokens`."""
        asked = [(context, {"until": [], "max_gen_toks": new_tokens}) for context in contexts]
        texts: list[str] = self._lm.generate_until(_requests("generate_until", asked), disable_tqdm=True)
        return texts


def best_peer(model: Any, work: Callable[[Peer], Any], sizes: Sequence[int] = BATCH_SIZES) -> tuple[Peer, int]:
    """The peer whose batch size did `work` in the least time, and that size."""
    seconds = {}
    for size in sizes:
        peer = Peer(model, size)
        began = time.perf_counter()
        work(peer)
        seconds[size] = time.perf_counter() - began
    best = min(seconds, key=lambda size: seconds[size])
    return Peer(model, best), best


def _requests(kind: Any, arguments: Sequence[Any]) -> list[Instance]:
    return [Instance(kind, {}, one, place) for place, one in enumerate(arguments)]
