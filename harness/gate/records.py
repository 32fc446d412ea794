"""What a gate concludes. Knows nothing of how it is computed or shown."""

from typing import Literal

from harness.comparison import Judged
from harness.comparison.records import Figure, Record

Finding = Literal["same", "better", "worse", "unscored"]


class Check(Record):
    """One variant on one split by one metric: the run minus the baseline, paired by case.

    `baseline` and `run` are the means over the `n` cases that are scored in both; `difference`, its 95%
    interval `low` to `high`, `p` and `p_adjusted` (Holm over all checks) are None where there is no such case.
    `unscored_baseline` and `unscored_run` count among `cases`, the cases of the baseline.
    """

    variant: str
    split: str
    metric: str
    cases: int
    n: int
    baseline: Figure | None
    run: Figure | None
    difference: Figure | None
    low: Figure | None
    high: Figure | None
    p: Figure | None
    p_adjusted: Figure | None
    unscored_baseline: int
    unscored_run: int
    finding: Finding

    @property
    def failed(self) -> bool:
        """Whether this check alone makes the run a regression."""
        return self.finding in ("worse", "unscored")

    @property
    def judged(self) -> Judged | None:
        """The difference with its interval and p values; None where no case is scored in both."""
        figures = [self.difference, self.low, self.high, self.p, self.p_adjusted]
        known = [figure for figure in figures if figure is not None]
        return Judged(*known) if len(known) == len(figures) else None


class GateResult(Record):
    """The outcome of a gate, its checks in the order of the baseline, and a summary in plain sentences."""

    outcome: Literal["pass", "regression"]
    checks: list[Check]
    summary: list[str]
