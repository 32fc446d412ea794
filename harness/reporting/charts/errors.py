"""The chart of where errors come from. Knows nothing of how it is drawn."""

from typing import Any

import altair as alt

from harness.comparison import Attribution, Comparison
from harness.comparison.phrases import printable
from harness.reporting.charts.figure import Figure, data, specification
from harness.reporting.charts.palette import LIGHT
from harness.reporting.passages import CAUSES

_COLOURS = {
    "right_with_evidence": "blue",
    "right_without_evidence": "blue-soft",
    "not_retrieved": "orange",
    "dropped": "orange-soft",
    "misread": "muted",
    "unscored": "line",
}
_STRONG = ("blue", "orange", "muted")  # colours on which numbers stand in the colour of paper
_NARROWEST = 9  # percent that a number needs to stand in its bar
_PANELS = 3  # beside each other


def errors(comparison: Comparison) -> Figure | None:
    """Bars of what became of the answers whose evidence is known, one panel a split."""
    found = comparison.attribution
    if not found:
        return None
    parts = [part for one in found for part in _parts(one)]
    splits = list(dict.fromkeys(part["split"] for part in parts))
    told = [CAUSES[cause] for cause in CAUSES if any(part["cause"] == CAUSES[cause] for part in parts)]
    colours = {CAUSES[cause]: colour for cause, colour in _COLOURS.items()}
    base = alt.Chart().encode(
        y=alt.Y(
            "variant:N",
            sort=list(dict.fromkeys(part["variant"] for part in parts)),
            title=None,
            axis=alt.Axis(domain=False, ticks=False),
        )
    )
    chart = alt.layer(
        base.mark_bar(stroke=LIGHT["paper"], strokeWidth=1).encode(
            x=alt.X(
                "start:Q",
                title="percent of answers",
                scale=alt.Scale(domain=[0, 100]),
                axis=alt.Axis(values=[0, 50, 100]),
            ),
            x2="end:Q",
            color=alt.Color(
                "cause:N", scale=alt.Scale(domain=told, range=[LIGHT[colours[cause]] for cause in told]), title=None
            ),
        ),
        base.mark_text(fontSize=9.5).encode(
            x=alt.X("middle:Q"),
            text="text:N",
            color=alt.condition("datum.strong", alt.value(LIGHT["paper"]), alt.value(LIGHT["ink"])),
        ),
        data=data(parts),
    ).properties(width=480 if len(splits) == 1 else 190, height=alt.Step(19))
    faceted = chart.facet(facet=alt.Facet("split:N", sort=splits, title=None), columns=_PANELS).resolve_axis(
        x="independent"
    )
    worst = max(found, key=lambda one: (one.not_retrieved + one.dropped + one.misread) / one.n)
    return Figure(
        name="errors",
        title="Where errors come from",
        summary=(
            "Stacked bars of what became of the answers whose evidence is known, in percent; most are wrong for "
            f"{printable(worst.variant)} on {printable(worst.split)}: {_percent(worst, 'not_retrieved')}% not "
            f"retrieved, {_percent(worst, 'dropped')}% without room, {_percent(worst, 'misread')}% in the prompt and "
            "misread."
        ),
        headings=["variant", "split", "answers", *(f"{told} %" for told in CAUSES.values())],
        rows=[
            [printable(one.variant), printable(one.split), str(one.n), *(_percent(one, cause) for cause in CAUSES)]
            for one in found
        ],
        spec=specification(faceted),
    )


def _parts(found: Attribution) -> list[dict[str, Any]]:
    """The pieces of one bar that have any length."""
    start, parts = 0.0, []
    for cause, told in CAUSES.items():
        share = 100 * getattr(found, cause) / found.n
        if share:
            parts.append(
                {
                    "variant": printable(found.variant),
                    "split": printable(found.split),
                    "cause": told,
                    "start": round(start, 2),
                    "end": round(start + share, 2),
                    "middle": round(start + share / 2, 2),
                    "text": f"{share:.0f}" if share >= _NARROWEST else "",
                    "strong": _COLOURS[cause] in _STRONG,
                }
            )
        start += share
    return parts


def _percent(found: Attribution, cause: str) -> str:
    return f"{100 * getattr(found, cause) / found.n:.1f}"
