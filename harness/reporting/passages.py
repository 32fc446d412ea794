"""The sections of the Markdown report on passages: were the right ones found, shown, and read.

Knows nothing of how evidence was matched.
"""

from collections.abc import Iterator

from harness.comparison import Attribution, Cell, Comparison, Lookup, is_retrieval
from harness.comparison.phrases import percent
from harness.reporting.escape import code, table

MEASURES = {"recall@": "recall@K", "mrr": "MRR", "ndcg@": "nDCG@10", "precision@": "precision@K"}
CAUSES = {
    "right_with_evidence": "right, with the evidence",
    "right_without_evidence": "right, without it",
    "not_retrieved": "not retrieved",
    "dropped": "retrieved, no room",
    "misread": "in the prompt, wrong",
    "unscored": "unscored",
}


def retrieval(comparison: Comparison) -> str:
    """How well each context's passages were retrieved, split by split; "" where nothing was judged."""
    rows = [[code(context), code(split), *map(_figure, cells)] for context, split, cells in measured(comparison)]
    if not rows:
        return ""
    note = (
        "Percent with the 95% interval, K as in the context's name. Judged are the retrieved passages, not the "
        "answers; all weights see the same ones."
    )
    return f"{note}\n\n{table(['context', 'split', *MEASURES.values()], rows, names=2)}"


def errors(comparison: Comparison) -> str:
    """What became of the answers whose evidence is known; "" where none is."""
    if not comparison.attribution:
        return ""
    rows = [
        [code(found.variant), code(found.split), str(found.n), *(_share(found, name) for name in CAUSES)]
        for found in comparison.attribution
    ]
    note = (
        "Percent of the answers to cases with evidence. A primary score of at least one half counts as right; the "
        "evidence counts as retrieved, and as shown, where all of it that is needed was."
    )
    headings = ["variant", "split", "answers", *CAUSES.values()]
    return f"{note}\n\n{table(headings, rows, names=2)}"


def room(comparison: Comparison) -> str:
    """Where the window had no room for all passages; "" where it had."""
    rows = [
        [
            code(use.variant),
            code(use.split),
            f"{use.retrieved:.1f}",
            f"{use.shown:.1f}",
            percent(use.short / use.n),
            percent(use.bare / use.n),
        ]
        for use in comparison.passages
        if use.short
    ]
    if not rows:
        return ""
    note = "Where the window was short, whole passages were left out, the last ones first; none was ever cut."
    headings = ["variant", "split", "retrieved a case", "shown a case", "cases that lost some", "cases that lost all"]
    return f"{note}\n\n{table(headings, rows, names=2)}"


def measured(comparison: Comparison) -> Iterator[tuple[str, str, list[Cell | None]]]:
    """Context, split and a cell for each of `MEASURES`; of variants that share a context the first speaks for all."""
    lookup = Lookup(comparison)
    metrics = {
        (cell.variant, cell.split, measure): cell.metric
        for cell in comparison.cells
        for measure in MEASURES
        if is_retrieval(cell.metric) and cell.metric.startswith(measure)
    }
    told = set()
    for split in comparison.splits:
        for variant in comparison.variants:
            names = [metrics.get((variant.name, split.name, measure)) for measure in MEASURES]
            if any(names) and (variant.context, split.name) not in told:
                told.add((variant.context, split.name))
                cells = [lookup.cell(variant.name, split.name, name) if name else None for name in names]
                yield variant.context, split.name, cells


def _figure(cell: Cell | None) -> str:
    if cell is None or cell.mean is None or cell.low is None or cell.high is None:
        return "-"
    return f"{100 * cell.mean:.1f} ({100 * cell.low:.1f} to {100 * cell.high:.1f})"


def _share(found: Attribution, name: str) -> str:
    return f"{100 * getattr(found, name) / found.n:.1f}"
