"""The section of the Markdown report on what was chosen by validation: alphas, and the trials of tuning."""

from harness.comparison import Comparison, Interval, Mean, Trial
from harness.comparison.phrases import percent_interval
from harness.reporting.escape import code, prose, table


def tuning(comparison: Comparison) -> str:
    """Learning against forgetting of every trial, by learning rate; "" where nothing was tuned."""
    if not comparison.trials:
        return ""
    recipes = dict.fromkeys(trial.recipe for trial in comparison.trials)
    most = max(sum(trial.recipe == recipe for trial in comparison.trials) for recipe in recipes)
    opening = (
        f"Every recipe had {most} trials, on one seed, and was chosen by *learnt*, the score on the validation split. "
        "*Kept* is the score on the retention splits, which chose nothing; both with 95% intervals over cases. Read "
        "them down the column to see what a recipe forgets where it learns more."
    )
    return "\n\n".join([opening, *(_recipe(comparison, recipe) for recipe in recipes)])


def chosen(comparison: Comparison) -> str:
    """What `@best` stands for, by variant; "" where nothing was chosen."""
    return "\n".join(
        f"- {code(variant.name)}: {prose(variant.chosen)}" for variant in comparison.variants if variant.chosen
    )


def _recipe(comparison: Comparison, recipe: str) -> str:
    trials = [trial for trial in comparison.trials if trial.recipe == recipe]
    rows = [_row(trial) for trial in sorted(trials, key=lambda trial: (trial.learning_rate, trial.epochs))]
    heading = ["learning rate", "epochs", "other settings", "learnt", "kept", "seconds", ""]
    return f"{code(recipe)}\n\n{table(heading, rows, names=3)}"


def _row(trial: Trial) -> list[str]:
    further = {
        place: value
        for place, value in trial.settings.items()
        if place not in ("training.learning_rate", "training.epochs")
    }
    return [
        f"{trial.learning_rate:.2g}",
        str(trial.epochs),
        prose(", ".join(f"{place} {value}" for place, value in further.items())) or "-",
        _share(trial.validation) if not trial.failure else "failed",
        _share(trial.retention),
        f"{trial.seconds:.1f}",
        "chosen" if trial.chosen else prose(trial.failure.split("\n")[0][:120]),
    ]


def _share(mean: Mean | None) -> str:
    return percent_interval(Interval(mean.value, mean.low, mean.high)).replace("95% interval ", "") if mean else "-"
