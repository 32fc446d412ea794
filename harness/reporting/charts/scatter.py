"""Points with intervals in two directions, each with its name beside it. Knows nothing of what they show."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from typing import Any, Literal

import altair as alt

from harness.comparison import Interval
from harness.reporting.charts.figure import WIDTH, data
from harness.reporting.charts.labels import Label, place
from harness.reporting.charts.palette import LIGHT

_SIZE = (WIDTH - 60, 360)  # pixels
_ALIGNS: tuple[Literal["left", "center", "right"], ...] = ("left", "center", "right")
_KINDS = {
    "question only": ("blue", "circle"),
    "examples shown": ("teal", "square"),
    "passages shown": ("orange", "triangle-up"),
    "passages and examples": ("ink", "diamond"),
}


@dataclass(frozen=True)
class Point:
    """One variant and where it stands; `x` without an interval is a figure without one. `bold` sets it off."""

    name: str
    context: str
    x: Interval
    y: Interval
    bold: bool = False


@dataclass(frozen=True)
class Scale:
    """One axis: what it says, from where to where it reaches, and whether its steps are powers."""

    title: str
    low: float
    high: float
    log: bool = False

    @classmethod
    def around(cls, title: str, means: Sequence[Interval], *, log: bool = False) -> "Scale":
        """The scale that holds `means` with their intervals and a little room."""
        low, high = min(mean.low for mean in means), max(mean.high for mean in means)
        if log:
            return cls(title, low / 1.5, high * 1.5, log=True)
        room = 0.06 * (high - low) or 0.01
        return cls(title, low - room, high + room)

    def share(self, value: float) -> float:
        """How far from `low` (0) to `high` (1) a value lies."""
        if self.log:
            return log10(value / self.low) / log10(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def at(self, share: float) -> float:
        """The value that lies so far."""
        if self.log:
            return float(self.low * (self.high / self.low) ** share)
        return self.low + share * (self.high - self.low)

    @property
    def shown(self) -> alt.Scale:
        """The scale for Altair."""
        return alt.Scale(type="log" if self.log else "linear", domain=[self.low, self.high], nice=False, zero=False)


def scatter(
    points: Sequence[Point],
    x: Scale,
    y: Scale,
    *,
    lines: Sequence[Sequence[str]] = (),
    steps: Sequence[str] = (),
    upright: Sequence[float] = (),
) -> alt.LayerChart | alt.FacetChart:
    """`points` on `x` and `y`; `lines` join points by name, and `steps` are the corners of a stair from left to right.

    A line stands at each `x` in `upright`.
    """
    places = {point.name: point for point in points}
    labels = place(
        [(x.share(point.x.value) * _SIZE[0], (1 - y.share(point.y.value)) * _SIZE[1]) for point in points],
        [point.name for point in points],
        *_SIZE,
    )
    kinds = [kind for kind in _KINDS if any(_kind(point.context) == kind for point in points)]
    across = alt.X("x:Q", title=x.title, scale=x.shown, axis=alt.Axis(grid=False, tickCount=6))
    up = alt.Y("y:Q", title=y.title, scale=y.shown, axis=alt.Axis(tickCount=6))
    base = alt.Chart(data([_row(point) for point in points])).encode(x=across, y=up)
    leaders = [_leader(label, point, x, y) for label, point in zip(labels, points, strict=True) if label.far]
    names = [_name(label, point, x, y) for label, point in zip(labels, points, strict=True)]
    text = alt.Chart(data(names)).encode(x=across, y=up, text="name:N")

    def path(corners: Sequence[str]) -> alt.Chart:
        rows = [_corner(places[name], step) for step, name in enumerate(corners) if name in places]
        return alt.Chart(data(rows)).encode(x=across, y=up, order="step:O")

    layers = [
        *(alt.Chart(data([{"x": at}])).mark_rule(color=LIGHT["muted"]).encode(x=across) for at in upright),
        *(path(line).mark_line(color=LIGHT["line"], strokeWidth=2) for line in lines),
        path(steps).mark_line(color=LIGHT["muted"], strokeDash=[5, 3], interpolate="step-after"),
        base.mark_rule(color=LIGHT["muted"], opacity=0.45).encode(x=alt.X("x_low:Q", title=x.title), x2="x_high:Q"),
        base.mark_rule(color=LIGHT["muted"], opacity=0.45).encode(y=alt.Y("y_low:Q", title=y.title), y2="y_high:Q"),
        alt.Chart(data(leaders)).mark_rule(color=LIGHT["line"]).encode(x=across, y=up, x2="x2:Q", y2="y2:Q"),
        base.mark_point(filled=True, size=70, opacity=1).encode(
            color=alt.Color(
                "kind:N", scale=alt.Scale(domain=kinds, range=[LIGHT[_KINDS[kind][0]] for kind in kinds]), title=None
            ),
            shape=alt.Shape(
                "kind:N", scale=alt.Scale(domain=kinds, range=[_KINDS[kind][1] for kind in kinds]), title=None
            ),
        ),
        *(layer for align in _ALIGNS for layer in _texts(text.transform_filter(f"datum.align == '{align}'"), align)),
    ]
    return alt.layer(*layers).properties(width=_SIZE[0], height=_SIZE[1])


def _texts(text: alt.Chart, align: Literal["left", "center", "right"]) -> list[alt.Chart]:
    """The names of one alignment: a rim that keeps lines off them, the plain ones, and those set off."""
    return [
        text.mark_text(align=align, stroke=LIGHT["paper"], strokeWidth=3),
        text.transform_filter("!datum.bold").mark_text(align=align),
        text.transform_filter("datum.bold").mark_text(align=align, fontWeight="bold"),
    ]


def _kind(context: str) -> str:
    passages, examples = "rag" in context, "few-shot" in context
    if passages:
        return "passages and examples" if examples else "passages shown"
    return "examples shown" if examples else "question only"


def _row(point: Point) -> dict[str, Any]:
    return {
        "name": point.name,
        "kind": _kind(point.context),
        **{f"x{end}": value for end, value in _ends(point.x).items()},
        **{f"y{end}": value for end, value in _ends(point.y).items()},
    }


def _corner(point: Point, step: int) -> dict[str, float]:
    return {"step": step, "x": point.x.value, "y": point.y.value}


def _ends(mean: Interval) -> dict[str, float]:
    return {"": mean.value, "_low": mean.low, "_high": mean.high}


def _name(label: Label, point: Point, x: Scale, y: Scale) -> dict[str, Any]:
    return {
        "name": label.text,
        "align": label.align,
        "bold": point.bold,
        "x": _rounded(x.at(label.x / _SIZE[0])),
        "y": _rounded(y.at(1 - label.y / _SIZE[1])),
    }


def _leader(label: Label, point: Point, x: Scale, y: Scale) -> dict[str, Any]:
    """The line from a point to its name."""
    return {
        "x": point.x.value,
        "y": point.y.value,
        "x2": _rounded(x.at(label.x / _SIZE[0])),
        "y2": _rounded(y.at(1 - label.y / _SIZE[1])),
    }


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
