"""The sections of the Markdown report on scores, and on where they come from. Knows nothing of their order."""

from collections.abc import Sequence

from harness.comparison import STALE_RATE, Comparison, Lookup
from harness.comparison.phrases import metric_label
from harness.reporting.columns import MARKS, UNSCORED_MARK, marks_legend
from harness.reporting.escape import code, prose, table
from harness.reporting.further import NOTES


def scores(comparison: Comparison) -> str:
    """The primary metric of every variant on every split, and which cases are left out."""
    primary = Lookup(comparison).primary
    columns = [(split.name, primary[split.name]) for split in comparison.splits if split.name in primary]
    legend = (
        f"Percent with the 95% interval; bold: the best of a split; {prose(UNSCORED_MARK)}: cases are unscored. "
        f"{prose(marks_legend(comparison))}"
    ).strip()
    return f"{legend}\n\n{_matrix(comparison, columns)}"


def metric(comparison: Comparison, name: str) -> str:
    """One further metric on the splits that have it."""
    note = NOTES.get(name, "")
    measured = {cell.split for cell in comparison.cells if cell.metric == name}
    columns = [(split.name, name) for split in comparison.splits if split.name in measured]
    return "\n\n".join(filter(None, [note, _matrix(comparison, columns)]))


def data(comparison: Comparison) -> str:
    """Whose data the suite is made of, and what was mended or left out when it was read; "" for a suite's own."""
    return "\n".join(f"- {prose(text)}" for text in (*comparison.suite.sources, *comparison.suite.notes))


def failures(comparison: Comparison) -> str:
    """The variants that were asked for and could not be scored; "" where there are none."""
    return "\n".join(f"- {code(failure.variant)}: {prose(failure.reason)}" for failure in comparison.failures)


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
