"""Figures and names as text: the one way in which percentages, points, intervals, p values and names are written.

Scores run from 0 to 1 and are shown as percentages; differences of scores are shown as percentage points.
"""

import re
from collections.abc import Sequence

from harness.comparison.statistics.bootstrap import Interval
from harness.comparison.statistics.multiplicity import Judged


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


def points_of(margin: float) -> str:
    """A margin of 0.03 as `3 points`."""
    return f"{100 * margin:.3g} points"


def amount(number: float) -> str:
    """A count or a cost to three digits: `0.00123`, `4.5`, `1,230,000`."""
    rounded = float(f"{number:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 100 else f"{rounded:.10f}".rstrip("0").rstrip(".")


def cost(number: float, unit: str) -> str:
    """What something costs, `USD 4.5`, or `4.5 s` where the `unit` is seconds."""
    return f"{amount(number)} s" if unit == "seconds" else f"{unit} {amount(number)}"


def use(queries: float, updates: float) -> str:
    """`10,000 queries and 2 updates a month`."""
    return f"{count(queries, 'query', 'queries')} and {count(updates, 'update', 'updates')} a month"


def count(number: float, one: str, many: str) -> str:
    """`1 update`, `2 updates`, `0.5 updates`."""
    return f"{number:,.12g} {one if number == 1 else many}"


def p_value(p: float) -> str:
    """`p = 0.210`, `p < 0.001`, and four digits below 0.1, where 0.0496 and 0.0504 differ in verdict."""
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p >= 0.1 else f"p = {p:.4f}"


def listing(names: Sequence[str], last: str = "and") -> str:
    """`a`, `a and b`, or `a, b and c`; `last` is the word before the last one."""
    return f" {last} ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def shortened(told: Sequence[str], shown: int = 3) -> str:
    """`a; b; c; and 2 more`."""
    more = f"; and {len(told) - shown} more" if len(told) > shown else ""
    return "; ".join(told[:shown]) + more


def metric_label(metric: str) -> str:
    """`exact_match` as `exact match`, `token_f1` as `token F1`; names with a parameter, as `regex(…)`, as they are."""
    return (
        metric if "(" in metric else " ".join({"f1": "F1", "mrr": "MRR"}.get(word, word) for word in metric.split("_"))
    )


def printable(text: str) -> str:
    """`text` without what a terminal would obey (escape sequences, line breaks, direction marks): each such is `?`."""
    return "".join(character if character.isprintable() else "?" for character in text)


def code(text: str) -> str:
    """`text` as a Markdown code span, fenced with one backtick more than it holds in a row."""
    shown = printable(text)
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence, gap = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{gap}{shown}{gap}{fence}"


def _signed(difference: float) -> str:
    text = f"{100 * difference:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text
