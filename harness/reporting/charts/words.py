"""Figures of charts as words, for their tables."""

from harness.comparison import Mean
from harness.comparison.phrases import points_interval
from harness.comparison.statistics.bootstrap import Interval


def share(mean: Mean | None) -> str:
    """A share with its interval in percent: `84.3 (78.1 to 90.0)`; `-` for none."""
    return f"{100 * mean.value:.1f} ({100 * mean.low:.1f} to {100 * mean.high:.1f})" if mean else "-"


def change(mean: Mean | None) -> str:
    """A difference with its interval in percentage points: `-0.8 points (-2.0 to +0.4)`; `-` for none."""
    return points_interval(Interval(mean.value, mean.low, mean.high)) if mean else "-"
