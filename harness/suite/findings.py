"""What a check of a suite ends with. Knows nothing of how anything is found, nor of how it is shown."""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from harness.suite.records import SplitKind


class Finding(NamedTuple):
    """One thing that somebody should know of a suite; `group` is the heading that it is told under."""

    group: str
    text: str


@dataclass(frozen=True)
class SplitFigures:
    """One split in figures.

    `evidence` cases name any. `majority` is the share of the most frequent label, None for free text. `longest` is the
    longest zero-shot prompt with the room for its answer, in tokens. `detects` is the smallest difference of right
    answers (0 to 1) that a comparison on the split would show with typical and `detects_at_worst` with the worst
    discordance; None where there is none, and for splits that aren't tests.
    """

    name: str
    kind: SplitKind
    as_of: date | None
    cases: int
    evidence: int
    majority: float | None
    longest: int
    detects: float | None = None
    detects_at_worst: float | None = None


@dataclass(frozen=True)
class SuiteCheck:
    """`errors` are what `load_suite` refuses, `warnings` what weakens a conclusion.

    `counted` says what tokens were counted by; `left_out` names what wasn't looked at, and why.
    """

    suite: str
    errors: tuple[str, ...] = ()
    warnings: tuple[Finding, ...] = ()
    splits: tuple[SplitFigures, ...] = ()
    counted: str = ""
    left_out: tuple[str, ...] = ()
