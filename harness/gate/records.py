"""What a gate concludes. Knows nothing of how it is computed or shown."""

from typing import Literal

from harness.comparison import Record
from harness.comparison.records.base import Figure

Outcome = Literal["pass", "fail", "unknown"]


class Check(Record):
    """One demand of one rule on one variant: on one split, or on the mean over several, by one metric.

    The demand is about the `fall`, the run minus the baseline paired by case and seed, or about a `floor` under the
    score of the run. `baseline` and `run` are the means over the `n` of `cases` cases that are scored in both; `value`
    is the difference or the score, with its 95% interval `low` to `high`. All are None where no case is scored.

    It passes where the value is shown to lie above `pass_line` (`p_pass` below `alpha`), fails where it is shown to lie
    below `fail_line` (`p_fail_adjusted`, Holm's over all checks, below `alpha`), also if both are shown, and else is
    unknown. `power` is the probability that it passes where nothing changed, or where the score is what it was
    measured to be, `cases_needed` how many cases make that 80%. None where no case is scored, with several seeds, whose
    luck more cases don't even out, and `cases_needed` for a score on its floor.
    """

    rule: int
    demand: Literal["fall", "floor"]
    variant: str
    splits: list[str]
    metric: str
    cases: int
    n: int
    baseline: Figure | None = None
    run: Figure | None = None
    value: Figure | None = None
    low: Figure | None = None
    high: Figure | None = None
    pass_line: Figure
    fail_line: Figure
    alpha: Figure
    p_pass: Figure = 1.0
    p_fail: Figure = 1.0
    p_fail_adjusted: Figure = 1.0
    power: Figure | None = None
    cases_needed: int | None = None
    outcome: Outcome = "unknown"


class Obstacle(Record):
    """Why a run can't be compared with the baseline, and by which `--accept` it may be all the same."""

    accept: str
    reason: str


class GateResult(Record):
    """The outcome of a gate, its checks in the order of the rules and of the baseline, and a summary in plain words.

    `passed` says whether the run may ship: what is unknown does as the gate was told. Without checks where the run is
    not comparable; `obstacles` then say why.
    """

    outcome: Literal["pass", "fail", "unknown", "not comparable"]
    passed: bool
    checks: tuple[Check, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()
    summary: tuple[str, ...] = ()
