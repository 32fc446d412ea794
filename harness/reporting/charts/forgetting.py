"""The chart of what variants learnt against what they forgot. Knows nothing of how it is drawn."""

import altair as alt

from harness.comparison import REFERENCE_VARIANT, Comparison, Interval, Mean
from harness.comparison.phrases import printable
from harness.reporting.charts.figure import Figure, specification
from harness.reporting.charts.scatter import Point, Scale, scatter
from harness.reporting.charts.words import change, share

_WORDS = {"better": "better", "worse": "worse", "tie": "equal within the margin", "unknown": "cannot tell"}


def forgetting(comparison: Comparison) -> Figure | None:
    """The score that decides against the change of retention, one panel a retention split."""
    means = {standing.variant: standing.mean for standing in comparison.standings if standing.mean}
    splits = list(dict.fromkeys(found.split for found in comparison.forgetting if found.variant in means))
    if not splits:
        return None
    lines = [[printable(point.variant) for point in path.points] for path in comparison.alpha_paths]
    panels = []
    for split in splits:
        points = _points(comparison, means, split)
        x = Scale.around(f"change on {printable(split)} against {REFERENCE_VARIANT}, points", [p.x for p in points])
        y = Scale.around("mean over the deciding splits, percent", [point.y for point in points])
        panels.append(scatter(points, x, y, lines=lines, upright=[0.0]))
    lost = [found for found in comparison.forgetting if found.verdict == "worse"]
    return Figure(
        name="forgetting",
        title="Learning against forgetting",
        summary=(
            "Points of what each variant scores where it was to learn against its change of retention from the base, "
            f"left of 0 is forgetting, with 95% intervals; {len({found.variant for found in lost})} of "
            f"{len({found.variant for found in comparison.forgetting})} variants lose significantly."
        ),
        headings=["variant", "retention split", "change of retention", "verdict", "deciding splits %"],
        rows=[
            [
                printable(found.variant),
                printable(found.split),
                change(found.change),
                _WORDS[found.verdict],
                share(means.get(found.variant)),
            ]
            for found in comparison.forgetting
        ],
        spec=specification(alt.vconcat(*panels) if len(panels) > 1 else panels[0]),
    )


def _points(comparison: Comparison, means: dict[str, Mean], split: str) -> list[Point]:
    contexts = {variant.name: variant.context for variant in comparison.variants}
    changes = {found.variant: found.change for found in comparison.forgetting if found.split == split}
    changes |= {REFERENCE_VARIANT: Mean(value=0, low=0, high=0)}
    return [
        Point(
            printable(name),
            contexts[name],
            _hundredfold(changes[name]),
            _hundredfold(mean),
            bold=name == comparison.decision.recommended,
        )
        for name, mean in means.items()
        if name in changes
    ]


def _hundredfold(mean: Mean) -> Interval:
    return Interval(100 * mean.value, 100 * mean.low, 100 * mean.high)
