"""Where every variant stands, and which of them no other one beats in both quality and cost.

By the figures as measured: an interval around them, and the clock's noise, could move who is only just there.
"""

from collections.abc import Mapping

from harness.comparison.evidence import Evidence
from harness.comparison.findings.macro import as_mean
from harness.comparison.records.verdict import Standing
from harness.comparison.statistics.bootstrap import Interval
from harness.comparison.verdict.prices import Running


def standings(
    evidence: Evidence, means: Mapping[str, Interval], excluded: Mapping[str, str], costs: Mapping[str, Running]
) -> list[Standing]:
    """One record a variant, in their order; `excluded` says why who can't be recommended can't be.

    Who costs what isn't known isn't on the frontier, and keeps nobody off it.
    """
    queries = {v: cost.query for v, cost in costs.items() if cost.query is not None}
    points = {v: (mean.value, queries[v]) for v, mean in means.items() if v not in excluded and v in queries}
    return [
        Standing(
            variant=name,
            mean=as_mean(means[name]) if name in means else None,
            excluded=excluded.get(name, ""),
            frontier=name in points and not any(_beats(other, points[name]) for other in points.values()),
        )
        for name in (variant.name for variant in evidence.variants)
    ]


def _beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether the quality and cost of `one` are no worse than the `other`'s, and one of them is better."""
    return one[0] >= other[0] and one[1] <= other[1] and one != other
