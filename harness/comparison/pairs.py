"""Which variants differ, on one split by one metric? Paired differences with interval, adjusted p and verdict.

Knows nothing of costs, and of other splits.
"""

from collections.abc import Mapping

from harness.comparison.bootstrap import differences
from harness.comparison.multiplicity import Judged, judge
from harness.comparison.records import REFERENCE_VARIANT, Pair
from harness.comparison.table import ScoreTable


def paired_differences(table: ScoreTable, after: Mapping[str, str] | None = None) -> list[Pair]:
    """Every variant of `table` against `base/zero-shot`, what it was trained on top of, and the best other variant.

    `after` names, for a variant that was trained on top of another one, that other one: what was forgotten on the way.

    The differences are paired by case over the cases that both variants have scored; all pairs of the table
    are one family for Holm's correction. Two variants without a common case make no pair.
    """
    couples = [(a, b) for a, b in opponents(table, after or {}) if len(table.difference(a, b))]
    found = judge(differences([(table.difference(a, b),) for a, b in couples]))
    return [_pair(table, a, b, judged) for (a, b), judged in zip(couples, found, strict=True)]


def opponents(table: ScoreTable, after: Mapping[str, str]) -> list[tuple[str, str]]:
    """Who is compared with whom: all with `base/zero-shot`, then as `after` says, then with the best other.

    No couple comes twice.

    The best other variant is the one with the highest mean; of equal ones, the first in the table.
    """
    means = {variant: float(scored.mean()) for variant in table.variants if len(scored := table.scored(variant))}
    couples = [(variant, REFERENCE_VARIANT) for variant in means if REFERENCE_VARIANT in means]
    couples += [(variant, after[variant]) for variant in means if after.get(variant) in means]
    for variant in means:
        others = [other for other in means if other != variant]
        if others:
            couples.append((variant, max(others, key=lambda other: means[other])))
    unordered: dict[frozenset[str], tuple[str, str]] = {}
    for a, b in couples:
        if a != b:
            unordered.setdefault(frozenset((a, b)), (a, b))
    return list(unordered.values())


def _pair(table: ScoreTable, a: str, b: str, judged: Judged) -> Pair:
    return Pair(
        a=a,
        b=b,
        split=table.split,
        metric=table.metric,
        difference=judged.value,
        low=judged.low,
        high=judged.high,
        p=judged.p,
        p_adjusted=judged.p_adjusted,
        verdict="a" if judged.better else "b" if judged.worse else "tie",
    )
