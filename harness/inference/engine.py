"""The three calls that the rest of the harness makes to a model: score choices, generate, count tokens.

Knows nothing of suites, prompts' wording or metrics: token ids in, text and numbers out. What comes out doesn't depend
on what is computed together, nor on its order (up to rounding: 1e-4 nats in float32). docs/engine.md explains how.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from harness.errors import InputError
from harness.inference.batching import BATCH_ROWS, BATCH_TOKENS
from harness.inference.choices import choice_rows
from harness.inference.modes import Mode, computing, quickest
from harness.inference.outputs import ChoiceScores, Generation

logger = logging.getLogger(__name__)

Advance = Callable[[int], None]
Through = Callable[[Sequence[int]], None]
T = TypeVar("T")

CHUNK_TOKENS = 512
_LONGER = 1.5  # times what was checked: so much longer prompts are checked again


class Engine:
    """Computes with one model and its tokenizer, on the model's device and in its number format.

    Each distinct prefix of all prompts is computed once. What comes out is checked on the longest row against a
    plain forward pass; where a model disagrees, or can't be given prefixes, a plainer `mode` is taken, and
    `fallback` says why.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        chunk_tokens: int = CHUNK_TOKENS,
        batch_tokens: int = BATCH_TOKENS,
        batch_rows: int = BATCH_ROWS,
    ) -> None:
        """Puts the `model` (of transformers or peft) into evaluation mode.

        `chunk_tokens` are computed at once where prefixes are shared. `batch_tokens` bounds the tokens of a padded
        batch, and the prompts' own tokens that are kept while answers are written; `batch_rows` bounds the rows.
        """
        from harness.inference.causal_lm import CausalLM

        self._lm = CausalLM(model)
        self._tokenizer = tokenizer
        self._chunk_tokens, self._batch_tokens, self._batch_rows = chunk_tokens, batch_tokens, batch_rows
        self.mode, self.fallback = quickest(self._lm)
        self._checked = 0  # tokens of the longest row

    def choose(
        self,
        prompts: Sequence[Sequence[int]],
        choices: Sequence[Sequence[Sequence[int]]],
        *,
        advance: Advance = lambda prompts: None,
    ) -> list[ChoiceScores]:
        """For each prompt the log-likelihood of each of its choices (token ids that continue the prompt), in nats.

        `choices[i]` belong to `prompts[i]`. `advance` is called, now and then, with the number of prompts that are
        through. Raises InputError for a prompt or a choice without tokens, and where the model's logits are no numbers.
        """
        from harness.inference import padded, shared_scoring
        from harness.inference.agreement import scores_differ

        _refuse_empty("prompt", prompts)
        _refuse_empty("choice", [choice for options in choices for choice in options])
        rows = choice_rows(prompts, choices)
        if not rows:
            return [ChoiceScores((), 0.0) for _ in prompts]

        def compute(mode: Mode, through: Through) -> list[list[float]]:
            if mode.shares:
                chunk, cascade = self._chunk_tokens, mode is Mode.CASCADE
                return shared_scoring.loglikelihoods(self._lm, rows, cascade=cascade, chunk=chunk, through=through)
            return padded.loglikelihoods(self._lm, rows, **self._batch(mode), through=through)

        def differs(found: list[list[float]], place: int) -> str:
            return scores_differ(self._lm, rows[place], found[place])

        began = time.perf_counter()
        lengths = [len(row.ids) for row in rows]
        found = self._exactly(lengths, compute, differs, _whole([row.case for row in rows], advance))
        seconds = (time.perf_counter() - began) / len(prompts)
        scores = [[0.0] * len(options) for options in choices]
        for row, values in zip(rows, found, strict=True):
            for place, value in zip(row.places, values, strict=True):
                scores[row.case][place] = value
        return [ChoiceScores(tuple(values), seconds) for values in scores]

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        max_new_tokens: int,
        stop: Sequence[str] = (),
        advance: Advance = lambda prompts: None,
    ) -> list[Generation]:
        """Greedy answers to `prompts` (token ids), in their order.

        Each goes up to an end token of the model or the tokenizer, the first text of `stop`, or `max_new_tokens`.
        `advance` is called, now and then, with the number of prompts that are answered. Raises InputError for a prompt
        or a stop text of nothing, and where the model's logits are no numbers.
        """
        from harness.inference import padded, shared_decoding
        from harness.inference.agreement import answer_differs
        from harness.inference.endings import Endings

        _refuse_empty("prompt", prompts)
        endings = Endings(self._lm.model, self._tokenizer, stop)
        if not prompts:
            return []

        def compute(mode: Mode, through: Through) -> list[list[int]]:
            if mode.shares:
                return shared_decoding.continuations(
                    self._lm,
                    prompts,
                    max_new_tokens,
                    endings,
                    cascade=mode is Mode.CASCADE,
                    rows=self._batch_rows,
                    columns=self._batch_tokens,
                    chunk=self._chunk_tokens,
                    through=through,
                )
            return padded.continuations(
                self._lm, prompts, max_new_tokens, endings, **self._batch(mode), through=through
            )

        def differs(found: list[list[int]], place: int) -> str:
            return answer_differs(self._lm, prompts[place], found[place])

        began = time.perf_counter()
        lengths = [len(prompt) for prompt in prompts]
        found = self._exactly(lengths, compute, differs, lambda places: advance(len(places)))
        seconds = (time.perf_counter() - began) / len(prompts)
        return [Generation(text, len(ids), ended, seconds) for ids in found for text, ended in [endings.cut(ids)]]

    def count(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each of `texts` has, without special ones."""
        return (
            [len(ids) for ids in self._tokenizer(list(texts), add_special_tokens=False)["input_ids"]] if texts else []
        )

    def _exactly(
        self,
        lengths: Sequence[int],
        compute: Callable[[Mode, Through], T],
        differs: Callable[[T, int], str],
        through: Through,
    ) -> T:
        """What `compute` gives in the quickest mode in which it doesn't differ from plain forward passes.

        `lengths` are those of the rows; `through` is told each row once, whatever is computed again.
        """
        told: set[int] = set()

        def tell(places: Sequence[int]) -> None:
            through([place for place in places if place not in told])
            told.update(places)

        longest = lengths.index(max(lengths))
        longer = max(lengths) > _LONGER * self._checked
        while True:
            try:
                with computing(self._lm, self.mode):
                    found = compute(self.mode, tell)
                reason = self._disagreement(found, differs, longest) if longer else ""
            except Exception as error:  # whatever a model does that can't be given a tree
                if self._checked or not self.mode.shares:
                    raise
                reason = f"{type(error).__name__}: {error}".splitlines()[0]
            if not reason:
                self._checked = max(self._checked, *lengths)
                return found
            self.fallback = "; ".join(filter(None, [self.fallback, f"{self.mode}: {reason}"]))
            self.mode = self.mode.plainer
            logger.warning("prefixes can't be shared as before (%s), so it goes on slower: %s", reason, self.mode)

    def _disagreement(self, found: T, differs: Callable[[T, int], str], longest: int) -> str:
        """How what was found differs from a plain forward pass of the `longest` row; nothing if it doesn't."""
        return "" if self.mode is Mode.ALONE else differs(found, longest)

    def _batch(self, mode: Mode) -> dict[str, int]:
        """The limits of a padded batch."""
        return {"rows": 1 if mode is Mode.ALONE else self._batch_rows, "tokens": self._batch_tokens}


def _whole(cases: Sequence[int], advance: Advance) -> Through:
    """Tells `advance` how many cases are through when the last row of each is; `cases` names each row's."""
    left = Counter(cases)

    def through(places: Sequence[int]) -> None:
        done = 0
        for place in places:
            left[cases[place]] -= 1
            done += not left[cases[place]]
        advance(done)

    return through


def _refuse_empty(kind: str, items: Sequence[Sequence[object]]) -> None:
    for number, item in enumerate(items, start=1):
        if not len(item):
            raise InputError(
                f"{kind} {number} of {len(items)} is empty, so nothing can be computed from it. Mend the case or the "
                "template that it comes from."
            )
