"""Panels of curves with intervals, each curve named at its end. Knows nothing of what they show."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt

from harness.comparison import Mean
from harness.reporting.charts.figure import WIDTH, data
from harness.reporting.charts.palette import LIGHT

_COLUMNS = 2
_HEIGHT = 210  # pixels
_LINE = 14  # pixels between the names of two curves
_LOOKS: tuple[tuple[Any, ...], ...] = (  # colour, shape of the points, dashes of the line
    (LIGHT["blue"], "circle", [1, 0]),
    (LIGHT["orange"], "triangle-up", [6, 3]),
    (LIGHT["teal"], "square", [2, 2]),
)


@dataclass(frozen=True)
class Point:
    """One point of the curve `series` in `panel`: what was found at `x`, 0 to 1."""

    panel: str
    series: str
    x: float
    mean: Mean


def curves(points: list[Point], chosen: Mapping[str, tuple[float, str]], x: alt.X) -> alt.FacetChart:
    """One panel a name, at most three series in each, by `x`.

    `chosen` is where a panel has a mark, and what it says there.
    """
    series = list(dict.fromkeys(point.series for point in points))
    low = min(0.0, *(point.mean.low for point in points))
    high = max(1.0, *(point.mean.high for point in points))
    rows = [_row(point) for point in points]
    panels = list(dict.fromkeys(point.panel for point in points))
    names = [row for panel in panels for row in _names([p for p in points if p.panel == panel], high - low)]
    marks = [{"part": "chosen", "panel": panel, "x": at, "text": text} for panel, (at, text) in chosen.items()]
    colours, shapes, dashes = (
        alt.Scale(domain=series, range=[look[place] for look in _LOOKS[: len(series)]]) for place in range(3)
    )
    color = alt.Color("series:N", scale=colours, legend=None)
    y = alt.Y("mean:Q", title="percent", scale=alt.Scale(domain=[100 * low, 100 * high], nice=False))
    base = alt.Chart().encode(x=x)
    point, name, mark = (base.transform_filter(f"datum.part == '{part}'") for part in ("point", "name", "chosen"))
    curve = point.encode(y=y, color=color)
    chart = alt.layer(
        mark.mark_rule(color=LIGHT["muted"], strokeDash=[3, 3]),
        mark.mark_text(color=LIGHT["muted"]).encode(y=alt.value(-7), text="text:N"),
        curve.mark_area(opacity=0.12).encode(y=alt.Y("low:Q", title="percent"), y2="high:Q"),
        curve.mark_line(strokeWidth=2).encode(strokeDash=alt.StrokeDash("series:N", scale=dashes, legend=None)),
        curve.mark_point(filled=True, size=45, opacity=1).encode(
            shape=alt.Shape("series:N", scale=shapes, legend=None)
        ),
        name.mark_text(align="left", dx=9, fontWeight="bold").encode(y=y, text="series:N", color=color),
        data=data([*rows, *names, *marks]),
    ).properties(width=WIDTH // 2 - 130 if len(panels) > 1 else WIDTH - 150, height=_HEIGHT)
    facet, spacing = alt.Facet("panel:N", sort=panels, title=None), alt.RowColnumber(column=90, row=30)
    found: alt.FacetChart = chart.facet(facet=facet, columns=_COLUMNS, spacing=spacing).resolve_axis(x="independent")
    return found


def _row(point: Point) -> dict[str, Any]:
    mean = point.mean
    figures = {"mean": 100 * mean.value, "low": 100 * mean.low, "high": 100 * mean.high}
    return {"part": "point", "panel": point.panel, "series": point.series, "x": point.x} | {
        name: round(value, 2) for name, value in figures.items()
    }


def _names(points: list[Point], extent: float) -> Iterable[dict[str, Any]]:
    """The name of each curve at its last point, moved up where it would cover the one below."""
    last = {point.series: point for point in sorted(points, key=lambda point: point.x)}
    at, step = float("-inf"), 100 * extent * _LINE / _HEIGHT
    for point in sorted(last.values(), key=lambda point: (point.mean.value, point.series)):
        at = max(100 * point.mean.value, at + step)
        yield {"part": "name", "panel": point.panel, "series": point.series, "x": point.x, "mean": round(at, 2)}
