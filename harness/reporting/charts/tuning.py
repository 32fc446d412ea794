"""The chart of what tuning learnt and forgot, by learning rate. Knows nothing of how it is drawn."""

import altair as alt

from harness.comparison import Comparison
from harness.comparison.phrases import printable
from harness.reporting.charts.curves import Point, curves
from harness.reporting.charts.figure import Figure, specification
from harness.reporting.charts.words import share


def tuning(comparison: Comparison) -> Figure | None:
    """Validation and retention score of every trial by its learning rate; the chosen trial is marked."""
    points = [
        Point(printable(trial.recipe), told, trial.learning_rate, mean)
        for trial in comparison.trials
        for told, mean in (("learnt", trial.validation), ("kept", trial.retention))
        if mean
    ]
    if not points:
        return None
    chosen = {printable(trial.recipe): (trial.learning_rate, "chosen") for trial in comparison.trials if trial.chosen}
    x = alt.X(
        "x:Q",
        title="learning rate",
        scale=alt.Scale(type="log"),
        axis=alt.Axis(grid=False, format="~e", labelSeparation=8),
    )
    recipes = list(dict.fromkeys(point.panel for point in points))
    return Figure(
        name="tuning",
        title="What tuning learnt and forgot",
        summary=(
            "Curves of the validation score (learnt) and the retention score (kept) by learning rate, with 95% "
            f"intervals, for {', '.join(recipes)}; the chosen trial is marked."
        ),
        headings=["recipe", "learning rate", "learnt %", "kept %", ""],
        rows=[
            [
                printable(trial.recipe),
                f"{trial.learning_rate:.2g}",
                share(trial.validation),
                share(trial.retention),
                "chosen" if trial.chosen else "failed" if trial.failure else "",
            ]
            for trial in sorted(comparison.trials, key=lambda trial: (trial.recipe, trial.learning_rate))
        ],
        spec=specification(curves(points, chosen, x)),
    )
