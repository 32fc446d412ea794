"""The three calls that the rest of the harness makes to a model: score choices, generate, count tokens.

Knows nothing of suites, prompts' wording or metrics: token ids in, text and numbers out. What comes out doesn't depend
on what is computed together, nor on its order (up to rounding: 1e-4 nats in float32). docs/engine.md explains how.
"""

import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.inference.backend import Advance, ignore, refuse_empty
from harness.inference.batching import BATCH_ROWS, BATCH_TOKENS
from harness.inference.choices import choice_rows
from harness.inference.locks import lock_of
from harness.inference.modes import Mode
from harness.inference.outputs import ChoiceScores, Generation
from harness.inference.room import Room
from harness.inference.trust import Job, Through, Trust

if TYPE_CHECKING:
    from harness.inference.outputs import Scored, Written

CHUNK_TOKENS = 512


class Engine:
    """Computes with one model and its tokenizer, on the model's device and in its number format.

    Each distinct prefix of all prompts is computed once. What comes out is checked against plain forward passes of a
    few rows; where a model disagrees, or can't be given prefixes, a plainer `mode` is taken, and `fallback` says why.
    Threads that ask the same model wait for each other.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        mode: Mode | None = None,
        chunk_tokens: int = CHUNK_TOKENS,
        batch_tokens: int = BATCH_TOKENS,
        batch_rows: int = BATCH_ROWS,
    ) -> None:
        """Puts the `model` (of transformers or peft) into evaluation mode.

        `mode` is the first that is tried: if None, the quickest. `chunk_tokens` are computed at once where prefixes are
        shared. `batch_tokens` bounds the tokens of a padded batch, and those that are kept while answers are written,
        without what all prompts share; `batch_rows` bounds the rows. Where memory is too small, it becomes less.
        """
        from harness.inference.causal_lm import CausalLM

        self._lock = lock_of(model)
        self._tokenizer = tokenizer
        with self._lock:
            self._lm = CausalLM(model)
            self._trust = Trust(self._lm, mode)
        self._room = Room(chunk=chunk_tokens, rows=batch_rows, tokens=batch_tokens, logits=self._lm.logits_at_once)

    @property
    def mode(self) -> Mode:
        """How the model is computed, since the last call."""
        return self._trust.mode

    @property
    def fallback(self) -> str:
        """Why it isn't computed in the quickest mode, if it isn't."""
        return self._trust.fallback

    @property
    def weight_bytes(self) -> int:
        """How much memory the model's weights take, each tensor counted once."""
        weights = self._lm.model.parameters()  # those that lie on the disk meanwhile have no place in memory
        held = {one.data_ptr() or id(one): one.numel() * one.element_size() for one in weights}
        return sum(held.values())

    def choose(
        self,
        prompts: Sequence[Sequence[int]],
        choices: Sequence[Sequence[Sequence[int]]],
        *,
        advance: Advance = ignore,
    ) -> list[ChoiceScores]:
        """For each prompt the log-likelihood of each of its choices (token ids that continue the prompt), in nats.

        `choices[i]` belong to `prompts[i]`. `advance` is called, now and then, with the number of prompts that are
        through. Raises InputError for a prompt or a choice without tokens, and where the model's logits are no numbers.
        """
        from harness.inference import padded, shared_scoring
        from harness.inference.agreement import scores_differ

        refuse_empty("prompt", prompts)
        refuse_empty("choice", [choice for options in choices for choice in options])
        began = time.perf_counter()
        rows = choice_rows(prompts, choices)
        lengths = [len(row.ids) for row in rows]
        scores = [[float("nan")] * len(options) for options in choices]
        greedy = [[False] * len(options) for options in choices]

        def compute(mode: Mode, through: Through) -> "list[Scored]":
            if mode.shares:
                cascade = mode is Mode.CASCADE
                return shared_scoring.loglikelihoods(self._lm, rows, cascade=cascade, room=self._room, through=through)
            return padded.loglikelihoods(self._lm, rows, rows=self._rows(mode), room=self._room, through=through)

        if rows:
            job = Job(
                "choose",
                [row.ids for row in rows],
                max(lengths),
                compute,
                lambda found: lengths,
                lambda found, place: scores_differ(self._lm, rows[place], found[place].loglikelihoods),
            )
            with self._lock:
                found = self._trust.exactly(job, _whole([row.case for row in rows], advance))
            for row, scored in zip(rows, found, strict=True):
                for place, value, greatest in zip(row.places, *scored, strict=True):
                    scores[row.case][place], greedy[row.case][place] = value, greatest
        if without := sum(not options for options in choices):
            advance(without)
        seconds = (time.perf_counter() - began) / max(1, len(prompts))
        return [
            ChoiceScores(tuple(values), seconds, tuple(flags)) for values, flags in zip(scores, greedy, strict=True)
        ]

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        max_new_tokens: int,
        stop: Sequence[str] = (),
        advance: Advance = ignore,
    ) -> list[Generation]:
        """Greedy answers to `prompts` (token ids), in their order.

        Each goes up to an end token of the model or the tokenizer, the first text of `stop`, or `max_new_tokens`.
        `advance` is called, now and then, with the number of prompts that are answered. Raises InputError for a prompt
        or a stop text of nothing, and where the model's logits are no numbers.
        """
        from harness.inference import padded, shared_decoding
        from harness.inference.agreement import answer_differs
        from harness.inference.endings import Endings

        refuse_empty("prompt", prompts)
        endings = Endings(self._lm.model, self._tokenizer, stop)
        if not prompts or not max_new_tokens:
            return [Generation("", 0, False, 0.0) for _ in prompts]

        def compute(mode: Mode, through: Through) -> "list[Written]":
            if mode.shares:
                return shared_decoding.continuations(
                    self._lm,
                    prompts,
                    max_new_tokens,
                    endings,
                    cascade=mode is Mode.CASCADE,
                    room=self._room,
                    through=through,
                )
            return padded.continuations(
                self._lm, prompts, max_new_tokens, endings, rows=self._rows(mode), room=self._room, through=through
            )

        began = time.perf_counter()
        job = Job(
            "generate",
            [list(prompt) for prompt in prompts],
            max(map(len, prompts)) + max_new_tokens,
            compute,
            lambda found: [len(prompt) + len(written.ids) for prompt, written in zip(prompts, found, strict=True)],
            lambda found, place: answer_differs(self._lm, prompts[place], found[place]),
        )
        with self._lock:
            found = self._trust.exactly(job, lambda places: advance(len(places)))
        seconds = (time.perf_counter() - began) / len(prompts)
        return [
            Generation(text, len(written.ids), ended, seconds)
            for written in found
            for text, ended in [endings.cut(written.ids)]
        ]

    def count(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each of `texts` has, without special ones."""
        if not texts:
            return []
        return [len(ids) for ids in self._tokenizer(list(texts), add_special_tokens=False)["input_ids"]]

    def _rows(self, mode: Mode) -> int:
        """How many rows a padded batch may have."""
        return 1 if mode is Mode.ALONE else self._room.rows


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
