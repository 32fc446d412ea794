"""A comparison for the terminal: the table, its signature, and the verdict with its reasons.

Everything is laid out for the width that there is: columns that don't fit go into a further table. Text is
never read as rich markup, so that hostile names stay names.
"""

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from harness.comparison import Comparison, Lookup
from harness.comparison.phrases import listing, metric_label, printable
from harness.reporting.columns import (
    UNSCORED_MARK,
    Column,
    cost_columns,
    has_reference,
    name_column,
    score_columns,
    unscored_cells,
)

_GAP = 2  # characters between columns: the padding and the border, which is blank
_SHOWN = 5  # variants and splits with unscored cases that are named


class _Tables:
    """The columns as one table, or as several below each other where the terminal is narrow."""

    def __init__(self, names: Column, columns: Sequence[Column]) -> None:
        self._names = names
        self._columns = columns

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        for columns in pack(self._names, self._columns, options.max_width):
            yield _table(self._names, columns)


def render(comparison: Comparison) -> Group:
    """The comparison as something that rich prints; reads well from 80 columns on, and without colour."""
    columns = [*score_columns(comparison), *cost_columns(comparison)]
    decision = comparison.decision
    reasons = Table.grid(padding=(0, 1))
    for reason in decision.reasons:
        reasons.add_row("-", Text(printable(reason)))
    return Group(
        _Tables(name_column(comparison), columns),
        *(Text(printable(line), style="dim") for line in legend(comparison)),
        Text(printable(comparison.signature), style="dim"),
        Panel(Group(Text(printable(decision.sentence), style="bold"), "", reasons), title="Verdict"),
    )


def pack(names: Column, columns: Sequence[Column], width: int) -> list[list[Column]]:
    """`columns` cut into groups that fit beside `names` into `width` characters, at least one in each."""
    groups: list[list[Column]] = [[]]
    left = free = width - names.width - _GAP
    for column in columns:
        if groups[-1] and column.width + _GAP > left:
            groups.append([])
            left = free
        groups[-1].append(column)
        left -= column.width + _GAP
    return groups


def legend(comparison: Comparison) -> list[str]:
    """How to read the table, and which cases are left out of it."""
    primary = Lookup(comparison).primary
    metrics = listing(sorted({metric_label(metric) for metric in primary.values()}))
    splits = "; ".join(
        f"{kind}: {listing([f'{split.name} ({split.n} cases)' for split in comparison.splits if split.kind == kind])}"
        for kind in dict.fromkeys(split.kind for split in comparison.splits)
    )
    marks = " ▲▼ significantly above or below base/zero-shot, no mark: a tie." if has_reference(comparison) else ""
    lines = [f"{metrics} in %, 95% interval below; bold: best of its split.{marks}", splits]
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


def _table(names: Column, columns: Sequence[Column]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(names.heading, overflow="fold")
    for column in columns:
        table.add_column(column.heading, justify="right", no_wrap=True)
    for row in zip(names.cells, *(column.cells for column in columns), strict=True):
        table.add_row(*row)
    return table
