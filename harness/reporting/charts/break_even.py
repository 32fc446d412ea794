"""The map of queries and updates a month: where fine-tuning is cheaper and where retrieval is."""

from math import floor, log10
from typing import Any

import altair as alt

from harness.comparison import BreakEven, Comparison
from harness.comparison.phrases import printable
from harness.reporting.break_even import quality, when
from harness.reporting.charts.figure import WIDTH, Figure, data, specification
from harness.reporting.charts.palette import LIGHT

_UPDATES = (0.1, 1000.0)  # a month, on the upright axis
_OFTEN = {1: "monthly", 4.35: "weekly", 30.4: "daily", 730: "hourly"}
_DECADES = 6  # of queries a month that a map shows
_FIRST = 2  # the first of them where nothing lies in its middle: hundreds
_COLUMNS = 2
_HEIGHT = 260  # pixels


def break_even(comparison: Comparison) -> Figure | None:
    """One map a pair of a retrieving and a fine-tuned variant: what each wins, by queries and updates a month."""
    found = comparison.break_even
    if not found:
        return None
    regions = [region for one in found for region in _regions(one)]
    panels = list(dict.fromkeys(region["panel"] for region in regions))
    x = alt.X(
        "queries:Q",
        title="queries a month",
        scale=alt.Scale(type="log", nice=False),
        axis=alt.Axis(format="~s", tickCount=_DECADES, grid=False),
    )
    y = alt.Y(
        "updates:Q",
        title="knowledge updates a month",
        scale=alt.Scale(type="log", domain=list(_UPDATES), nice=False),
        axis=alt.Axis(values=list(_OFTEN), labelExpr=_OFTEN_WORDS),
    )
    base = alt.Chart().encode(x=x)
    area, name = (base.transform_filter(f"datum.part == '{part}'") for part in ("area", "name"))
    color = alt.Color(
        "wins:N",
        scale=alt.Scale(domain=["fine-tuning", "retrieval"], range=[LIGHT["blue"], LIGHT["orange"]]),
        legend=None,
    )
    chart = alt.layer(
        area.mark_area(opacity=0.22, clip=True).encode(y=y, y2="least:Q", color=color),
        name.mark_text(fontWeight="bold").encode(y=y, text="name:N", color=color),
        data=data(regions),
    ).properties(width=WIDTH - 100 if len(panels) == 1 else WIDTH // 2 - 90, height=_HEIGHT)
    faceted = chart.facet(facet=alt.Facet("panel:N", sort=panels, title=None), columns=_COLUMNS).resolve_scale(
        x="independent"
    )
    return Figure(
        name="break-even",
        title="When fine-tuning is cheaper",
        summary=f"Map of queries and knowledge updates a month. {' '.join(map(_told, found))}",
        headings=[
            *("fine-tuned", "retrieving", "unit", "fine-tuned: a query", "an update"),
            *("retrieving: a query", "an update", "fine-tuned is", "quality"),
        ],
        rows=[
            [
                printable(one.tuned),
                printable(one.retrieving),
                printable(one.unit),
                *(f"{figure:.3g}" for figure in (one.tuned_query, one.tuned_update)),
                *(f"{figure:.3g}" for figure in (one.retrieving_query, one.retrieving_update)),
                when(one),
                quality(one),
            ]
            for one in found
        ],
        spec=specification(faceted),
    )


_OFTEN_WORDS = f"{{{', '.join(f'{value}: {word!r}' for value, word in _OFTEN.items())}}}[datum.value]"


def _told(found: BreakEven) -> str:
    """The whole finding in one sentence."""
    return f"{printable(found.tuned)} against {printable(found.retrieving)}: {when(found)}; quality: {quality(found)}."


def _regions(found: BreakEven) -> list[dict[str, Any]]:
    """The areas of one map and their names."""
    tuned_from = found.tuned_query - found.retrieving_query, found.tuned_update - found.retrieving_update
    line = -tuned_from[0] / tuned_from[1] if tuned_from[0] * tuned_from[1] < 0 else None  # updates a query
    first = _FIRST if line is None else max(0, floor(-log10(line)) - _DECADES // 2 + 1)
    left, right = 10.0**first, 10.0 ** (first + _DECADES)
    panel = f"{printable(found.tuned)} or {printable(found.retrieving)}"
    if line is None:
        wins = found.tuned if sum(tuned_from) < 0 else found.retrieving
        return _area(found, panel, wins, [(left, *_UPDATES), (right, *_UPDATES)], (10 ** (first + _DECADES / 2), 10.0))
    below = found.tuned if tuned_from[0] < 0 else found.retrieving
    above = found.retrieving if below == found.tuned else found.tuned
    edge = [(queries, min(max(line * queries, _UPDATES[0]), _UPDATES[1])) for queries in _corners(left, right, line)]
    lower = [(queries, _UPDATES[0], updates) for queries, updates in edge]
    upper = [(queries, updates, _UPDATES[1]) for queries, updates in edge]
    return [
        *_area(found, panel, below, lower, (10 ** (first + 0.8 * _DECADES), 0.3)),
        *_area(found, panel, above, upper, (10 ** (first + 0.22 * _DECADES), 330.0)),
    ]


def _corners(left: float, right: float, line: float) -> list[float]:
    """Where the edge of an area bends: at both sides, and where the line enters and leaves the map."""
    inner = [updates / line for updates in _UPDATES]
    return sorted({left, right, *(queries for queries in inner if left < queries < right)})


def _area(
    found: BreakEven, panel: str, wins: str, edge: list[tuple[float, float, float]], name: tuple[float, float]
) -> list[dict[str, Any]]:
    kind = "fine-tuning" if wins == found.tuned else "retrieval"
    areas = [
        {"part": "area", "panel": panel, "wins": kind, "queries": queries, "least": least, "updates": most}
        for queries, least, most in edge
    ]
    label = {"part": "name", "queries": name[0], "updates": name[1], "name": f"{printable(wins)} is cheaper"}
    return [*areas, {**label, "panel": panel, "wins": kind}]
