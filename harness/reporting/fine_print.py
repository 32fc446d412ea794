"""How the figures of a report were found, and what a reader could wrongly conclude from them, in plain sentences."""

from harness.comparison import Comparison
from harness.comparison.phrases import points_of
from harness.reporting.columns import unscored_cells

_TESTS = {
    "mcnemar": "right or wrong by McNemar's exact test",
    "permutation": "other scores by a paired permutation test",
    "bootstrap": "differences over several seeds by the bootstrap",
}


def methods(comparison: Comparison) -> list[str]:
    """How the figures were found."""
    used = {pair.test for pair in comparison.pairs}
    tests = ", ".join(told for test, told in _TESTS.items() if test in used)
    return [
        "All variants answer the same cases with the same base model, template, decoding and metrics; what differs "
        "between two of them is what differs between their names.",
        "Intervals are 95% bootstrap intervals over cases, with the same resamples for all variants of a split; cases "
        "that share a document or another group are drawn together, and several seeds widen them by what seeds vary.",
        f"Differences are paired by case{f'; p values: {tests}' if tests else ''}. Holm's correction is for "
        "all couples of variants on one split and metric, Benjamini and Hochberg's for all pairs of the run.",
        f"Equal means shown to be less than {points_of(comparison.margin)} apart, by two one-sided tests. Where "
        "neither a difference nor equality is shown, that is what is told.",
        "Means over several splits give each split the same weight. A case that could not be scored is counted and "
        "left out, never taken for wrong.",
    ]


def limits(comparison: Comparison) -> list[str]:
    """What the figures don't say, with the unscored cases of this comparison."""
    unscored = [
        f"{cell.variant} on {cell.split} {cell.unscored} of {cell.unscored + cell.n}"
        for cell in unscored_cells(comparison)
    ]
    return [
        "Intervals cover the choice of cases and, where several seeds were run, of the seed; not other wordings of the "
        "prompt, and not other base models.",
        "The best variant of a split is picked on the cases that it is judged on, so its lead is a little flattered.",
        "Cases count as independent where the suite doesn't say what they share.",
        "Seconds and what follows from them are those of one machine, measured once.",
        f"Unscored cases are left out of means and pairs; by the metric that decides: {'; '.join(unscored)}."
        if unscored
        else "No case was unscored.",
    ]
