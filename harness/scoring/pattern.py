"""Exact match of what a regular expression finds in the answer.

Patterns come with suites, which are untrusted: RE2 searches in time linear in the text and compiles in bounded memory,
where Python's own expressions can take years. Its syntax is https://github.com/google/re2/wiki/Syntax.
"""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Self

import re2

from harness.errors import InputError
from harness.scoring.quality import Given, QualityMetric, UnscoredError
from harness.scoring.text import exact_match


class Regex(QualityMetric):
    """Share of answers of which the part that a pattern finds last equals a reference, as in `exact_match`."""

    family = "regex"
    form = "regex(PATTERN)"

    def __init__(self, pattern: str, **settings: Any) -> None:
        """`pattern` in RE2's syntax; raises InputError if it isn't."""
        options = re2.Options()
        options.log_errors = False
        try:
            self._pattern = re2.compile(pattern, options)
        except re2.error as error:
            reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
            raise InputError(
                f"regex({pattern}): {reason}. Patterns are RE2's, which has no lookahead, lookbehind or "
                "backreferences, so that no pattern can hang. Mend the pattern."
            ) from None
        self.metric = f"regex({pattern})"
        self.signature = f"re2:{version('google-re2')}"
        super().__init__(**settings)

    @classmethod
    def of(cls, argument: str | None, given: Given) -> Self:
        """See the class."""
        if not argument:
            raise InputError("regex: there is no pattern. Write regex(PATTERN), for example regex(answer: (.*)).")
        return cls(argument)

    def answer(self, prediction: str) -> str:
        """The first group that took part in the last match; all of the match if the pattern has no groups.

        A match of no characters is none, or `.*` would last match the end.
        """
        matches = [match for match in self._pattern.finditer(prediction) if match.group()]
        if not matches:
            raise UnscoredError("the pattern doesn't match the answer")
        groups = matches[-1].groups() or (matches[-1].group(),)
        return str(next((group for group in groups if group is not None), ""))

    def score_case(self, prediction: str, references: Sequence[str]) -> float:
        """See `exact_match`; raises UnscoredError if the pattern finds nothing."""
        return exact_match(self.answer(prediction), references)
