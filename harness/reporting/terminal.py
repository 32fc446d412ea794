"""A comparison for the terminal: tables, signature, and the verdict with its reasons last, where the eye is.

Everything is laid out for the width that there is: columns that don't fit go into a further table. Text is
never read as rich markup, so that hostile names stay names.
"""

from rich.console import Group, RenderableType
from rich.text import Text

from harness.comparison import Comparison, Lookup
from harness.comparison.phrases import listing, metric_label, printable
from harness.reporting.columns import (
    UNSCORED_MARK,
    change_columns,
    cost_columns,
    marks_legend,
    name_column,
    score_columns,
    unscored_cells,
)
from harness.reporting.layout import Tables
from harness.reporting.verdict_panel import verdict_panel

_SHOWN = 5  # variants and splits with unscored cases that are named


def render(comparison: Comparison) -> Group:
    """The comparison as something that rich prints; reads well from 80 columns on, and without colour."""
    return Group(
        Tables(name_column(comparison, comparison.variants), [*score_columns(comparison), *cost_columns(comparison)]),
        *(Text(printable(line), style="dim") for line in legend(comparison)),
        *_changes(comparison),
        Text(f"\n{printable(comparison.signature)}", style="dim"),
        verdict_panel(comparison.decision),
    )


def _changes(comparison: Comparison) -> list[RenderableType]:
    """What the recommended variant, and those that it may be no better than, lose elsewhere; nothing if unknown."""
    decision = comparison.decision
    told = {decision.recommended, *decision.ties, *decision.unknown}
    variants = [variant for variant in comparison.variants if variant.name in told]
    columns = change_columns(comparison, variants)
    if not columns:
        return []
    heading = (
        "\nChange in points from the in-domain splits to each shifted one, and on retention from base/zero-shot, with "
        "the 95% interval; ▲▼: significant, =: shown to be none. Recommended, and what it isn't surely above; all "
        "others are in the report."
    )
    return [Text(heading, style="dim"), Tables(name_column(comparison, variants), columns)]


def legend(comparison: Comparison) -> list[str]:
    """How to read the table, and which cases are left out of it."""
    primary = Lookup(comparison).primary
    metrics = listing(sorted({metric_label(metric) for metric in primary.values()}))
    splits = "; ".join(
        f"{kind}: {listing([f'{split.name} ({split.n} cases)' for split in comparison.splits if split.kind == kind])}"
        for kind in dict.fromkeys(split.kind for split in comparison.splits)
    )
    lines = [f"{metrics} in %, 95% interval below; bold: best of its split. {marks_legend(comparison)}".strip(), splits]
    left_out = sorted(unscored_cells(comparison), key=lambda cell: -cell.unscored)
    if left_out:
        named = "; ".join(f"{cell.unscored} of {cell.variant} on {cell.split}" for cell in left_out[:_SHOWN])
        more = f"; {len(left_out) - _SHOWN} more such means in the report" if len(left_out) > _SHOWN else ""
        lines.append(f"{UNSCORED_MARK} unscored cases, left out of the mean: {named}{more}")
    short = [use for use in comparison.passages if use.short]
    if short:
        worst = max(short, key=lambda use: use.short / use.n)
        lines.append(
            f"the window had no room for all passages of {listing(sorted({use.variant for use in short}))}: at worst "
            f"{worst.variant} on {worst.split}, {worst.shown:.1f} of {worst.retrieved:.1f} a case (see the report)"
        )
    lines += [f"{variant.name}: {variant.chosen}, by validation" for variant in comparison.variants if variant.chosen]
    return lines
