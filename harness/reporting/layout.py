"""Columns laid out for the width that there is: those that don't fit go into a further table. Knows no comparison."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table

from harness.reporting.columns import Column

_GAP = 2  # characters between columns: the padding and the border, which is blank


class Tables:
    """The columns as one table, or as several below each other where the terminal is narrow."""

    def __init__(self, names: Column, columns: Sequence[Column]) -> None:
        self._names = names
        self._columns = columns

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        for columns in pack(self._names, self._columns, options.max_width):
            yield _table(self._names, columns)


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


def _table(names: Column, columns: Sequence[Column]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(names.heading, overflow="fold")
    for column in columns:
        table.add_column(column.heading, justify="right", no_wrap=True)
    for row in zip(names.cells, *(column.cells for column in columns), strict=True):
        table.add_row(*row)
    return table
