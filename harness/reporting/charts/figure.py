"""One chart: what it shows in words, as a table, and as a Vega-Lite specification. Knows nothing of what is drawn."""

from dataclasses import dataclass
from typing import Any

import altair as alt

from harness.reporting.charts.palette import LIGHT

FONT = "Liberation Sans, Arial, Helvetica, sans-serif"  # the first comes with vl-convert: the same layout everywhere
FONT_SIZE = 11  # pixels
WIDTH = 640  # pixels, of a chart with its labels; a page scales it
CONFIG = {
    "background": None,
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": LIGHT["muted"],
        "titleColor": LIGHT["muted"],
        "titleFontWeight": "normal",
        "domainColor": LIGHT["line"],
        "tickColor": LIGHT["line"],
        "gridColor": LIGHT["line"],
        "gridOpacity": 0.6,
        "labelFontSize": FONT_SIZE,
        "titleFontSize": FONT_SIZE,
        "labelLimit": 260,
        "titleLimit": 520,
    },
    "header": {"labelColor": LIGHT["ink"], "labelFontSize": FONT_SIZE + 1, "labelLimit": 300, "title": None},
    "legend": {
        "labelColor": LIGHT["ink"],
        "titleColor": LIGHT["muted"],
        "labelFontSize": FONT_SIZE,
        "orient": "top",
        "title": None,
        "labelLimit": 300,
    },
    "text": {"font": FONT, "fontSize": FONT_SIZE, "fill": LIGHT["ink"]},
}


@dataclass(frozen=True)
class Figure:
    """One chart: `name` is a slug, `summary` one sentence that says in words what is seen.

    `headings` and `rows` are its data as a plain table, `spec` is Vega-Lite with the data within.
    """

    name: str
    title: str
    summary: str
    headings: list[str]
    rows: list[list[str]]
    spec: dict[str, Any]


def data(rows: list[dict[str, Any]]) -> alt.InlineData:
    """`rows` as data that lie within the specification."""
    return alt.InlineData(values=rows)


def specification(chart: alt.TopLevelMixin) -> dict[str, Any]:
    """The specification of an Altair chart, in the one look that all charts have."""
    spec: dict[str, Any] = chart.to_dict()
    return {**spec, "config": CONFIG}
