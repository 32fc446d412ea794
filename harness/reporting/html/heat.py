"""The heat table: variants by splits, what decides on each, and what is significant. Knows nothing of colours."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.comparison import REFERENCE_VARIANT, Comparison, Lookup, Pair, SplitReference
from harness.comparison.phrases import metric_label
from harness.reporting.html.tables import share

STEPS = 10  # shades
_MARKS = {"a": "▲", "b": "▼", "tie": "="}


@dataclass(frozen=True)
class HeatCell:
    """The mean of one variant on one split in percent; `shade` is 0 to `STEPS`, `meaning` says `mark` in words.

    `mean` is "-" where there is no such mean, and "unscored" where no case could be scored.
    """

    split: str
    mean: str
    interval: str = ""
    shade: int = 0
    mark: str = ""
    meaning: str = ""
    unscored: int = 0
    best: bool = False


@dataclass(frozen=True)
class HeatRow:
    """One variant; `standing` is its mean over the deciding splits, `remark` what else is to be said of it."""

    variant: str
    recommended: bool
    standing: str
    remark: str
    cells: Sequence[HeatCell]


@dataclass(frozen=True)
class Heat:
    """The table; `headings` are split, kind, metric and number of cases."""

    headings: Sequence[tuple[str, str, str, int]]
    rows: Sequence[HeatRow]
    marked: bool


def heat(comparison: Comparison) -> Heat:
    """The primary metric of every variant on every split."""
    lookup = Lookup(comparison)
    splits = [split for split in comparison.splits if split.name in lookup.primary]
    standings = {standing.variant: standing for standing in comparison.standings}
    rows = []
    for variant in comparison.variants:
        standing = standings.get(variant.name)
        frontier = "no other is better and cheaper" if standing and standing.frontier else ""
        rows.append(
            HeatRow(
                variant=variant.name,
                recommended=variant.name == comparison.decision.recommended,
                standing=share(standing.mean) if standing and standing.mean else "",
                remark=(standing.excluded if standing else "") or frontier,
                cells=[_cell(lookup, variant.name, split) for split in splits],
            )
        )
    headings = [(split.name, split.kind, metric_label(lookup.primary[split.name]), split.n) for split in splits]
    return Heat(headings, rows, any(variant.name == REFERENCE_VARIANT for variant in comparison.variants))


def _cell(lookup: Lookup, variant: str, split: SplitReference) -> HeatCell:
    cell = lookup.cell(variant, split.name)
    if cell is None or cell.mean is None or cell.low is None or cell.high is None:
        return HeatCell(split.name, "unscored" if cell else "-")
    pair = lookup.against_reference(variant, split.name)
    return HeatCell(
        split=split.name,
        mean=f"{100 * cell.mean:.1f}",
        interval=f"{100 * cell.low:.0f} to {100 * cell.high:.0f}",
        shade=round(STEPS * min(1.0, max(0.0, cell.mean))),
        mark=_MARKS.get(pair.verdict, "") if pair else "",
        meaning=_meaning(pair) if pair else "",
        unscored=cell.unscored,
        best=cell.mean == lookup.best(split.name),
    )


def _meaning(pair: Pair) -> str:
    words = {
        "a": f"significantly above {pair.b}",
        "b": f"significantly below {pair.b}",
        "tie": f"shown to be equal to {pair.b}",
        "unknown": f"cannot be told from {pair.b}",
    }
    return words[pair.verdict]
