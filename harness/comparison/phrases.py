"""Figures as words: the one way in which percentages, points, intervals and p values are written.

Scores run from 0 to 1 and are shown as percentages; differences of scores are shown as percentage points.
"""

from collections.abc import Sequence

from harness.comparison.bootstrap import Interval
from harness.comparison.multiplicity import Judged


def percent(share: float) -> str:
    """0.8431 as `84.3%`."""
    return f"{100 * share:.1f}%"


def points(difference: float) -> str:
    """0.031 as `+3.1 points`."""
    return f"{_signed(difference)} points"


def percent_interval(interval: Interval) -> str:
    """A mean with its interval: `84.3% (95% interval 78.1 to 90.0)`."""
    return f"{percent(interval.value)} (95% interval {100 * interval.low:.1f} to {100 * interval.high:.1f})"


def points_interval(difference: Interval) -> str:
    """A difference with its interval: `-0.8 points (-2.0 to +0.4)`."""
    return f"{points(difference.value)} ({_signed(difference.low)} to {_signed(difference.high)})"


def points_judged(judged: Judged) -> str:
    """A difference with its interval and adjusted p: `-0.8 points (-2.0 to +0.4, p = 0.210)`."""
    return f"{points_interval(judged)[:-1]}, {p_value(judged.p_adjusted)})"


def p_value(p: float) -> str:
    """`p = 0.210`, `p < 0.001`, and four digits below 0.1, where 0.0496 and 0.0504 differ in verdict."""
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p >= 0.1 else f"p = {p:.4f}"


def listing(names: Sequence[str]) -> str:
    """`a`, `a and b`, or `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def metric_label(metric: str) -> str:
    """`exact_match` as `exact match`, `token_f1` as `token F1`; names with a parameter, as `regex(…)`, as they are."""
    return (
        metric if "(" in metric else " ".join({"f1": "F1", "mrr": "MRR"}.get(word, word) for word in metric.split("_"))
    )


def printable(text: str) -> str:
    """`text` without what a terminal would obey (escape sequences, line breaks, direction marks): each such is `?`."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _signed(difference: float) -> str:
    text = f"{100 * difference:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text
