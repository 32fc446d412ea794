"""The floor under a benchmark's time: the arithmetic of its unique tokens at the machine's measured rate.

A prefix that several rows begin with is computed once. Its last token takes two operations for each weight of a linear
layers, and in each layer's attention four for each token that it sees and each number of a query: two for the score and
two for the sum of values. Logits are computed only where a token's probability is asked for. All is counted from the
rows themselves, without the engine.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from harness.inference.encoding import Pair

Row = tuple[int, ...]


@dataclass(frozen=True)
class Work:
    """`unique` tokens must be computed, `repeated` ones if no row knows of another, in `operations` at least."""

    unique: int
    repeated: int
    operations: int

    @property
    def unique_ratio(self) -> float:
        """The tokens that must be computed over those of all rows."""
        return self.unique / self.repeated

    def share(self, seconds: float, rate: float) -> float:
        """The share of `seconds` that the arithmetic takes at `rate` operations a second."""
        return self.operations / rate / seconds


def scoring_work(model: Any, pairs: Iterable[Pair]) -> Work:
    """The work of scoring continuations; those that differ in their last token only are one row, as for the peer."""
    asked = {(*pair.context, *pair.continuation[:-1]): len(pair.context) for pair in pairs}
    return _work(model, list(asked), [range(context - 1, len(row)) for row, context in asked.items()])


def generation_work(model: Any, prompts: Sequence[Row], answers: Sequence[Row]) -> Work:
    """The work of generating the tokens of `answers` after `prompts`, of which the last needs no row of its own."""
    rows = [(*prompt, *answer[:-1]) for prompt, answer in zip(prompts, answers, strict=True)]
    return _work(model, rows, [range(len(prompt) - 1, len(row)) for prompt, row in zip(prompts, rows, strict=True)])


def _work(model: Any, rows: Sequence[Row], asked: Sequence[range]) -> Work:
    """The work of rows of which the places `asked` need logits."""
    prefixes: dict[tuple[int, int], int] = {}  # by the number of the prefix without its last token, and that token
    seen = 0
    with_logits: set[int] = set()
    for row, places in zip(rows, asked, strict=True):
        prefix = -1
        for place, token in enumerate(row):
            known = len(prefixes)
            prefix = prefixes.setdefault((prefix, token), known)
            if prefix == known:
                seen += place + 1
            if place in places:
                with_logits.add(prefix)
    config = model.config
    weights = sum(layer.weight.numel() for layer in model.modules() if isinstance(layer, torch.nn.Linear))
    head = model.lm_head.weight.numel()
    width = config.num_attention_heads * config.head_dim * config.num_hidden_layers
    operations = 2 * (weights - head) * len(prefixes) + 4 * width * seen + 2 * head * len(with_logits)
    return Work(len(prefixes), sum(len(row) for row in rows), operations)
