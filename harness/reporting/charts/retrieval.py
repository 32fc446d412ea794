"""The chart of how well passages were retrieved. Knows nothing of how it is drawn."""

from typing import Any

import altair as alt

from harness.comparison import Cell, Comparison
from harness.comparison.phrases import count, listing, printable
from harness.reporting.charts.figure import Figure, data, specification
from harness.reporting.charts.palette import LIGHT
from harness.reporting.passages import MEASURES, measured

_LOOKS = {
    "recall@K": ("blue", "circle"),
    "MRR": ("orange", "triangle-up"),
    "nDCG@10": ("teal", "square"),
    "precision@K": ("muted", "diamond"),
}
_PANELS = 3  # beside each other


def retrieval(comparison: Comparison) -> Figure | None:
    """Recall, MRR, nDCG and precision of every context, one panel a split."""
    found = [
        _point(context, split, told, cell)
        for context, split, cells in measured(comparison)
        for told, cell in zip(MEASURES.values(), cells, strict=True)
        if cell and cell.mean is not None
    ]
    if not found:
        return None
    splits = list(dict.fromkeys(point["split"] for point in found))
    contexts = list(dict.fromkeys(point["context"] for point in found))
    told = [name for name in _LOOKS if any(point["measure"] == name for point in found)]
    color = alt.Color("measure:N", scale=alt.Scale(domain=told, range=[LIGHT[_LOOKS[name][0]] for name in told]))
    shape = alt.Shape("measure:N", scale=alt.Scale(domain=told, range=[_LOOKS[name][1] for name in told]))
    base = alt.Chart().encode(
        y=alt.Y("context:N", sort=contexts, title=None, axis=alt.Axis(ticks=False, grid=True, bandPosition=0)),
        yOffset=alt.YOffset("measure:N", sort=told),
        color=color,
    )
    scale, axis = alt.Scale(domain=[0, 100]), alt.Axis(values=[0, 25, 50, 75, 100])
    chart = alt.layer(
        base.mark_rule().encode(x=alt.X("low:Q", title="percent", scale=scale, axis=axis), x2="high:Q"),
        base.mark_point(filled=True, size=45, opacity=1).encode(x="mean:Q", shape=shape),
        data=data(found),
    ).properties(width=420 if len(splits) == 1 else 160, height=alt.Step(11, **{"for": "offset"}))
    return Figure(
        name="retrieval",
        title="Retrieval quality",
        summary=(
            f"Points with 95% intervals of {listing(told)} of {count(len(contexts), 'context', 'contexts')} on "
            f"{count(len(splits), 'split', 'splits')}, in percent."
        ),
        headings=["context", "split", "measure", "mean %", "95% interval"],
        rows=[
            [
                point["context"],
                point["split"],
                point["measure"],
                f"{point['mean']:.1f}",
                f"{point['low']:.1f} to {point['high']:.1f}",
            ]
            for point in found
        ],
        spec=specification(
            chart.facet(facet=alt.Facet("split:N", sort=splits, title=None), columns=_PANELS).resolve_axis(
                x="independent"
            )
        ),
    )


def _point(context: str, split: str, measure: str, cell: Cell) -> dict[str, Any]:
    figures = {"mean": cell.mean or 0.0, "low": cell.low or 0.0, "high": cell.high or 0.0}
    named = {"context": printable(context), "split": printable(split), "measure": measure}
    return named | {name: round(100 * value, 2) for name, value in figures.items()}
