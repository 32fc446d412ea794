"""The section of the Markdown report on pairs of variants: what differs, what is equal, and what can't be told."""

from collections.abc import Sequence

from harness.comparison import Comparison, Lookup, Pair
from harness.comparison.phrases import metric_label, points_interval, points_of
from harness.comparison.statistics.bootstrap import Interval
from harness.reporting.escape import code, prose, table

_TESTS = {"mcnemar": "McNemar", "permutation": "permutation", "bootstrap": "bootstrap"}


def differences(comparison: Comparison) -> str:
    """Every pair, by split and metric: those of primary metrics open, the others folded."""
    primary = Lookup(comparison).primary
    shown = [pair for pair in comparison.pairs if pair.metric == primary.get(pair.split)]
    folded = [pair for pair in comparison.pairs if pair.metric != primary.get(pair.split)]
    if not comparison.pairs:
        return "Nothing was compared in pairs."
    margin = points_of(comparison.margin)
    text = (
        "`a` minus `b` in percentage points, paired by case, with the 95% interval. `p`: that there is no difference, "
        "after Holm's correction over all couples of variants on one split and metric; `q`: after Benjamini and "
        f"Hochberg's over all pairs. *Tie*: shown to be less than {margin} apart (`p equal`, two one-sided tests, "
        "Holm); *cannot tell*: neither is shown. `detectable`: the smallest difference that 4 of 5 such comparisons "
        "would show.\n\n"
        f"{_pairs(shown)}"
    )
    if folded:
        text += f"\n\n<details><summary>Pairs by other metrics</summary>\n\n{_pairs(folded)}\n\n</details>"
    return text


def _pairs(pairs: Sequence[Pair]) -> str:
    rows = [
        [
            f"{code(pair.split)} {prose(metric_label(pair.metric))}",
            code(pair.a),
            code(pair.b),
            {"a": code(pair.a), "b": code(pair.b), "tie": "tie", "unknown": "cannot tell"}[pair.verdict],
            _TESTS[pair.test],
            str(pair.n),
            points_interval(Interval(pair.difference, pair.low, pair.high)),
            *(f"{p:.4f}" for p in (pair.p_adjusted, pair.q, pair.p_equivalent)),
            "-" if pair.detectable is None else f"{100 * pair.detectable:.1f}",
        ]
        for pair in pairs
    ]
    heading = ["split", "a", "b", "better", "test", "cases", "a minus b", "p", "q", "p equal", "detectable"]
    return table(heading, rows, names=5)
