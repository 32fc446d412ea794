"""The chart of the way from base to trained weights. Knows nothing of how it is drawn."""

import altair as alt

from harness.comparison import AlphaPath, Comparison
from harness.comparison.phrases import printable
from harness.reporting.charts.curves import Point, curves
from harness.reporting.charts.figure import Figure, specification
from harness.reporting.charts.words import share

_SERIES = {"in_domain": "in-domain", "shifted": "shifted", "retention": "retention"}


def alpha_path(comparison: Comparison) -> Figure | None:
    """In-domain, shifted and retention score of every interpolation, by alpha; the chosen alpha is marked."""
    points = [
        Point(_name(path), told, step.alpha, mean)
        for path in comparison.alpha_paths
        for step in path.points
        for kind, told in _SERIES.items()
        if (mean := getattr(step, kind))
    ]
    if not points:
        return None
    chosen = {
        _name(path): (path.chosen, f"chosen: {path.chosen:g}")
        for path in comparison.alpha_paths
        if path.chosen is not None
    }
    x = alt.X(
        "x:Q", title="alpha: 0 base, 1 trained", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(grid=False, tickCount=5)
    )
    return Figure(
        name="alpha-path",
        title="From base to trained weights",
        summary=(
            "Curves of the in-domain, shifted and retention score by alpha, from the base at 0 to the trained weights "
            f"at 1, with 95% intervals; {_told(comparison.alpha_paths)}."
        ),
        headings=["weights", "context", "alpha", *(f"{told} %" for told in _SERIES.values()), "validation %", ""],
        rows=[
            [
                printable(path.recipe),
                printable(path.context),
                f"{step.alpha:g}",
                *(share(getattr(step, kind)) for kind in (*_SERIES, "validation")),
                _note(path, step.alpha),
            ]
            for path in comparison.alpha_paths
            for step in path.points
        ],
        spec=specification(curves(points, chosen, x)),
    )


def _name(path: AlphaPath) -> str:
    return printable(f"{path.recipe}/{path.context}")


def _note(path: AlphaPath, alpha: float) -> str:
    if alpha == path.chosen:
        return "chosen"
    return "dominated by the chosen" if alpha in path.dominates else ""


def _told(paths: list[AlphaPath]) -> str:
    chosen = [f"{path.chosen:g} for {_name(path)}" for path in paths if path.chosen is not None]
    return f"validation chose {', '.join(chosen)}" if chosen else "none was chosen by validation"
