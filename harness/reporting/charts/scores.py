"""The chart of all scores: variants by splits, the darker the higher. Knows nothing of how it is drawn."""

from typing import Any

import altair as alt

from harness.comparison import Cell, Comparison, Lookup, SplitReference
from harness.comparison.phrases import metric_label, printable
from harness.reporting.charts.figure import Figure, data, specification
from harness.reporting.charts.palette import LIGHT
from harness.reporting.columns import MARKS, UNSCORED_MARK

_CELL = (86, 34)  # pixels


def scores(comparison: Comparison) -> Figure | None:
    """Mean, interval and mark of every variant on every split by the metric that decides there."""
    lookup = Lookup(comparison)
    splits = [split for split in comparison.splits if split.name in lookup.primary]
    found = [
        _cell(comparison, lookup, cell, split)
        for variant in comparison.variants
        for split in splits
        if (cell := lookup.cell(variant.name, split.name)) and cell.mean is not None
    ]
    if not found:
        return None
    columns = list(dict.fromkeys(row["column"] for row in found))
    variants = list(dict.fromkeys(row["variant"] for row in found))
    base = alt.Chart(data(found)).encode(
        x=alt.X(
            "column:N",
            sort=columns,
            title=None,
            axis=alt.Axis(
                orient="top",
                labelAngle=0,
                labelExpr="split(datum.label, '\\n')",  # in two lines, for which the padding makes room
                labelPadding=19,
                domain=False,
                ticks=False,
            ),
        ),
        y=alt.Y("variant:N", sort=variants, title=None, axis=alt.Axis(domain=False, ticks=False)),
    )
    shade = alt.Opacity("mean:Q", scale=alt.Scale(domain=[0, 100], range=[0.03, 0.55]), legend=None)
    chart = alt.layer(
        base.mark_rect(fill=LIGHT["blue"], stroke=LIGHT["paper"], strokeWidth=2).encode(fillOpacity=shade),
        base.mark_text(dy=-6, fontWeight="bold").encode(text="text:N"),
        base.mark_text(dy=8, fontSize=9.5).encode(text="interval:N"),
    ).properties(width=_CELL[0] * len(columns), height=_CELL[1] * len(variants))
    return Figure(
        name="scores",
        title="Scores",
        summary=(
            f"Heat table of the scores of {len(variants)} variants on {len(splits)} splits in percent with 95% "
            "intervals, darker is higher; ▲▼ significantly above or below base/zero-shot, = equal within the margin."
        ),
        headings=["variant", "split", "kind", "metric", "mean %", "95% interval", "against base/zero-shot", "unscored"],
        rows=[
            [
                row["variant"],
                row["split"],
                row["kind"],
                row["metric"],
                f"{row['mean']:.1f}",
                row["interval"],
                row["verdict"],
                str(row["unscored"]),
            ]
            for row in found
        ],
        spec=specification(chart),
    )


def _cell(comparison: Comparison, lookup: Lookup, cell: Cell, split: SplitReference) -> dict[str, Any]:
    pair = lookup.against_reference(cell.variant, cell.split)
    mark = (MARKS[pair.verdict] if pair else "") + (UNSCORED_MARK if cell.unscored else "")
    words = {"a": "better", "b": "worse", "tie": "equal within the margin", "unknown": "cannot tell"}
    mean, low, high = (100 * (value or 0.0) for value in (cell.mean, cell.low, cell.high))
    return {
        "variant": printable(cell.variant),
        "column": f"{printable(split.name)}\n{split.kind}",
        "split": printable(split.name),
        "kind": split.kind,
        "metric": metric_label(cell.metric),
        "mean": round(mean, 1),
        "text": f"{mean:.1f} {mark}".strip(),
        "interval": f"{low:.0f} to {high:.0f}",
        "verdict": words[pair.verdict] if pair else "-",
        "unscored": cell.unscored,
    }
