"""In which mode a model is computed: the quickest that was seen to give what the model says.

Sharing prefixes is exact where a model sees by masks and positions and by nothing else; padding, where it heeds the
mask. Some models don't, without a word. So what comes out is compared with plain forward passes, and where it differs
it is computed again in a plainer mode. Knows nothing of what is computed.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from harness.errors import InputError
from harness.inference.modes import Mode, computing, quickest

if TYPE_CHECKING:
    from harness.inference.causal_lm import CausalLM

logger = logging.getLogger(__name__)

_AS_LONG = 1.1  # times as long as a row that was checked

T = TypeVar("T")
Through = Callable[[Sequence[int]], None]


@dataclass(frozen=True)
class Job(Generic[T]):
    """Something to compute of `rows` of token ids: `compute` says in `mode` what it is, and which rows are through.

    `lengths` are the tokens of each row with what was written after it, `limit` the most that any can come to.
    `differs` says how a row's result differs from a plain forward pass, or nothing.
    """

    call: str
    rows: Sequence[list[int]]
    limit: int
    compute: Callable[[Mode, Through], T]
    lengths: Callable[[T], list[int]]
    differs: Callable[[T, int], str]


class Trust:
    """The `mode` of one model, and as `fallback` why it isn't the quickest, if it isn't."""

    def __init__(self, lm: "CausalLM", mode: Mode | None = None) -> None:
        """`mode` is the first that is tried: if None, the quickest that the model can be expected to be right in."""
        self._lm = lm
        self.mode, self.fallback = (mode, "") if mode else quickest(lm)
        self._checked: dict[str, int] = {}  # by call, the tokens of the longest row that was right among others

    def exactly(self, job: Job[T], through: Through) -> T:
        """The result of `job` in the quickest mode in which it is right; `through` is told each row once.

        An error of the model's in the first call counts as a difference, as long as there is a plainer way that shares
        nothing. Raises what the caller's `through`, or the model in its plainest mode, raises.
        """
        if self._lm.steady is not None and job.limit > self._lm.steady:
            self._fall_back(Mode.ALONE, f"angles change for all rows with one over {self._lm.steady} tokens")
        tell = _Once(through)
        while True:
            try:
                with computing(self._lm, self.mode):
                    found = job.compute(self.mode, tell)
                reason = self._check(job, found)
            except (InputError, _CallersError) as error:
                raise error.__cause__ or error from None
            except Exception as error:  # whatever a model does that can't be given a tree
                if job.call in self._checked or not self.mode.shares:
                    raise
                reason = f"{type(error).__name__}: {error}".splitlines()[0]
            if not reason:
                return found
            self._fall_back(self.mode.plainer, reason)

    def _check(self, job: Job[T], found: T) -> str:
        """How the result differs from plain forward passes of some rows; nothing where as long ones were right before.

        Long rows tell of windows; the last of the tree, before which all others were computed, of masks; and the
        shortest, of padding. One row by itself tells nothing of others.
        """
        lengths = job.lengths(found)
        longest = max(lengths)
        if self.mode is Mode.ALONE or longest <= _AS_LONG * self._checked.get(job.call, 0):
            return ""
        other = job.rows.index(max(job.rows) if self.mode.shares else min(job.rows, key=len))
        long = other if longest <= _AS_LONG * lengths[other] else lengths.index(longest)
        for place in sorted({other, long}):
            if reason := job.differs(found, place):
                return reason
        if any(row != job.rows[other] for row in job.rows):
            self._checked[job.call] = lengths[long]
        return ""

    def _fall_back(self, mode: Mode, reason: str) -> None:
        if mode is self.mode:
            return
        logger.warning("the model is computed in a slower way, %s instead of %s: %s", mode, self.mode, reason)
        self.fallback = "; ".join(filter(None, [self.fallback, f"{self.mode}: {reason}"]))
        self.mode = mode


class _CallersError(Exception):
    """Carries, as its cause, an error that isn't the model's."""


class _Once:
    """Tells of each row once, whatever is computed again."""

    def __init__(self, through: Through) -> None:
        self._through = through
        self._told: set[int] = set()

    def __call__(self, places: Sequence[int]) -> None:
        new = [place for place in places if place not in self._told]
        self._told.update(new)
        try:
            self._through(new)
        except Exception as error:
            raise _CallersError from error
