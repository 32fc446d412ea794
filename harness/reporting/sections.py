"""The sections of the Markdown report, one function each. Knows nothing of their order."""

from collections.abc import Sequence

from harness.comparison import RETRIEVED, SHOWN, STALE_RATE, Comparison, Lookup, Pair, is_retrieval
from harness.comparison.bootstrap import Interval
from harness.comparison.phrases import metric_label, points_interval
from harness.reporting.columns import MARKS, UNSCORED_MARK, has_reference, trained_share, unscored_cells
from harness.reporting.escape import code, prose, table

_METRIC_NOTES = {
    STALE_RATE: "How often the answer is the one that was right before the corpus changed; lower is better.",
    "supported": "How often the answer's own words stand in the passages that were shown, right or wrong.",
}


def scores(comparison: Comparison) -> str:
    """The primary metric of every variant on every split, and which cases are left out."""
    primary = Lookup(comparison).primary
    marks = " ▲▼: significantly above or below `base/zero-shot`; no mark: a tie." if has_reference(comparison) else ""
    columns = [(split.name, primary[split.name]) for split in comparison.splits if split.name in primary]
    legend = (
        f"Percent with the 95% interval; bold: the best of a split; {prose(UNSCORED_MARK)}: cases are unscored.{marks}"
    )
    return f"{legend}\n\n{_matrix(comparison, columns)}"


def metric(comparison: Comparison, name: str) -> str:
    """One further metric on the splits that have it."""
    note = _METRIC_NOTES.get(name, "")
    measured = {cell.split for cell in comparison.cells if cell.metric == name}
    columns = [(split.name, name) for split in comparison.splits if split.name in measured]
    return "\n\n".join(filter(None, [note, _matrix(comparison, columns)]))


def further(comparison: Comparison) -> list[str]:
    """The metrics that no section but their own shows: all that aren't primary on every split that has them."""
    primary = Lookup(comparison).primary
    return sorted(
        {
            cell.metric
            for cell in comparison.cells
            if primary[cell.split] != cell.metric
            and not is_retrieval(cell.metric)
            and cell.metric not in (RETRIEVED, SHOWN)
        }
    )


def differences(comparison: Comparison) -> str:
    """Every pair, by split and metric: those of primary metrics open, the others folded."""
    primary = Lookup(comparison).primary
    shown = [pair for pair in comparison.pairs if pair.metric == primary.get(pair.split)]
    folded = [pair for pair in comparison.pairs if pair.metric != primary.get(pair.split)]
    if not comparison.pairs:
        return "Nothing was compared in pairs."
    text = (
        "`a` minus `b` in percentage points, paired by case, with the 95% bootstrap interval; p after Holm's "
        f"correction over the pairs of one split and metric.\n\n{_pairs(shown)}"
    )
    if folded:
        text += f"\n\n<details><summary>Pairs by other metrics</summary>\n\n{_pairs(folded)}\n\n</details>"
    return text


def costs(comparison: Comparison) -> str:
    """What each variant costs to build, to ask and to ship."""
    lookup = Lookup(comparison)
    rows = []
    for variant in comparison.variants:
        cost = lookup.cost(variant.name)
        figures = (
            [
                f"{cost.build_seconds:.1f}",
                f"{1000 * cost.seconds_per_query:.1f}",
                f"{cost.prompt_tokens_per_query:.0f}",
                f"{cost.generated_tokens_per_query:.1f}",
                f"{cost.artifact_bytes / 1e6:.1f}",
            ]
            if cost
            else ["-"] * 5
        )
        rows.append([code(variant.name), trained_share(variant, comparison), *figures])
    heading = ["variant", "trained", "build s", "query ms", "prompt tokens", "generated tokens", "artifact MB"]
    return (
        "Seconds are those of the machine that ran it. `query ms` is a case's share of all that were computed with it, "
        "what their prompts begin with alike computed once; one query alone takes longer.\n\n"
        f"{table(heading, rows)}"
    )


def data(comparison: Comparison) -> str:
    """Whose data the suite is made of, and what was mended or left out when it was read; "" for a suite's own."""
    return "\n".join(f"- {prose(text)}" for text in (*comparison.suite.sources, *comparison.suite.notes))


def failures(comparison: Comparison) -> str:
    """The variants that were asked for and could not be scored; "" where there are none."""
    return "\n".join(f"- {code(failure.variant)}: {prose(failure.reason)}" for failure in comparison.failures)


def limits(comparison: Comparison) -> str:
    """What a reader could wrongly conclude, with the unscored cases of this comparison."""
    left_out = [
        f"{code(cell.variant)} on {code(cell.split)}: {cell.unscored} of {cell.unscored + cell.n}"
        for cell in unscored_cells(comparison)
    ]
    lines = [
        "Intervals cover the choice of cases and, where several seeds were run, of the seed (the reasons above say how "
        "many): not other wordings of the prompt, not other base models.",
        "Where all cases score alike, the bootstrap interval has no width, although the true rate is not certain.",
        "The best variant of a split is picked on the cases that it is judged on, so its lead is a little flattered.",
        "Splits whose cases ask about the same facts count as independent in the average over splits.",
        f"Unscored cases are left out of means and pairs; by the metric that decides: {'; '.join(left_out)}."
        if left_out
        else "No case was unscored.",
    ]
    return "\n".join(f"- {line}" for line in lines)


def _matrix(comparison: Comparison, columns: Sequence[tuple[str, str]]) -> str:
    """A table of the variants that have any of `columns`, each a split and a metric."""
    lookup = Lookup(comparison)
    kinds = {split.name: split.kind for split in comparison.splits}
    rows = [
        [code(variant.name), *(_score(lookup, variant.name, *column) for column in columns)]
        for variant in comparison.variants
        if any(lookup.cell(variant.name, *column) for column in columns)
    ]
    headings = [f"{code(split)} {kinds[split]}, {prose(metric_label(name))}" for split, name in columns]
    return table(["variant", *headings], rows)


def _score(lookup: Lookup, variant: str, split: str, name: str) -> str:
    cell = lookup.cell(variant, split, name)
    if cell is None or cell.mean is None or cell.low is None or cell.high is None:
        return "unscored" if cell else "-"
    mean = f"{100 * cell.mean:.1f}"
    if name != STALE_RATE and cell.mean == lookup.best(split, name):
        mean = f"**{mean}**"
    pair = lookup.against_reference(variant, split, name)
    mark = (UNSCORED_MARK if cell.unscored else "") + (MARKS[pair.verdict] if pair else "")
    return f"{mean}{prose(mark)} ({100 * cell.low:.1f} to {100 * cell.high:.1f})"


def _pairs(pairs: Sequence[Pair]) -> str:
    rows = [
        [
            f"{code(pair.split)} {prose(metric_label(pair.metric))}",
            code(pair.a),
            code(pair.b),
            {"a": code(pair.a), "b": code(pair.b), "tie": "tie"}[pair.verdict],
            points_interval(Interval(pair.difference, pair.low, pair.high)),
            f"{pair.p_adjusted:.4f}",
        ]
        for pair in pairs
    ]
    return table(["split", "a", "b", "better", "a minus b", "p"], rows, names=4)
