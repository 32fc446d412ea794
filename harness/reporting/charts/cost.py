"""The chart of quality against what a query costs. Knows nothing of how it is drawn."""

from harness.comparison import Comparison, Interval
from harness.comparison.phrases import listing, printable
from harness.comparison.verdict.prices import running
from harness.reporting.charts.figure import Figure, specification
from harness.reporting.charts.scatter import Point, Scale, scatter
from harness.reporting.charts.words import share

_WIDE = 8  # from how many times the least cost on the axis has powers for steps


def cost(comparison: Comparison) -> Figure | None:
    """The score that decides against what a query costs; the stair joins those that none beats in both."""
    title, costs = _asked(comparison)
    contexts = {variant.name: variant.context for variant in comparison.variants}
    found = [one for one in comparison.standings if one.mean and costs.get(one.variant)]
    if len(found) < 2:
        return None
    points = [
        Point(
            printable(one.variant),
            contexts[one.variant],
            Interval(costs[one.variant], costs[one.variant], costs[one.variant]),
            Interval(100 * one.mean.value, 100 * one.mean.low, 100 * one.mean.high),
            bold=one.variant == comparison.decision.recommended,
        )
        for one in found
        if one.mean
    ]
    frontier = sorted((one.variant for one in found if one.frontier), key=lambda name: costs[name])
    values = [point.x.value for point in points]
    x = Scale.around(title, [point.x for point in points], log=max(values) > _WIDE * min(values))
    y = Scale.around("mean over the deciding splits, percent", [point.y for point in points])
    return Figure(
        name="cost",
        title="Quality against cost",
        summary=(
            f"Points of what each variant scores against {title}, with 95% intervals of the score; none beats in both: "
            f"{listing([printable(name) for name in frontier]) or 'unknown'}."
        ),
        headings=["variant", "deciding splits %", title, "on the frontier"],
        rows=[
            [
                printable(one.variant),
                share(one.mean),
                f"{costs[one.variant]:.3g}" if one.variant in costs else "-",
                "yes" if one.frontier else one.excluded or "no",
            ]
            for one in comparison.standings
        ],
        spec=specification(scatter(points, x, y, steps=[printable(name) for name in frontier])),
    )


def _asked(comparison: Comparison) -> tuple[str, dict[str, float]]:
    """What queries cost by variant, and in which unit: what decides who is on the frontier."""
    prices = comparison.prices
    unit = f"{printable(prices.currency)} a thousand queries" if prices else "milliseconds a query, at throughput"
    queries = {cost.variant: running(cost, prices).query for cost in comparison.costs}
    return unit, {variant: 1000 * query for variant, query in queries.items() if query is not None}
