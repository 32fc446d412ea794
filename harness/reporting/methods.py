"""The table of `harness methods`. Knows nothing of where its rows come from."""

from collections.abc import Iterable
from typing import Protocol

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text


class Row(Protocol):
    """What is shown of one recipe; `share` is a share of the base's parameters, `missing` what must be installed."""

    @property
    def recipe(self) -> str: ...  # noqa: D102 - the class says it
    @property
    def paper(self) -> str: ...  # noqa: D102
    @property
    def share(self) -> float | None: ...  # noqa: D102
    @property
    def merges(self) -> bool: ...  # noqa: D102
    @property
    def interpolates(self) -> str: ...  # noqa: D102
    @property
    def batches(self) -> bool: ...  # noqa: D102
    @property
    def missing(self) -> str: ...  # noqa: D102


def render_methods(rows: Iterable[Row]) -> RenderableType:
    """One line a recipe: what it trains, what it can do, and where it comes from."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("recipe", no_wrap=True)
    table.add_column("trains", justify="right", no_wrap=True)
    for heading in ("merges", "interpolates", "batches"):
        table.add_column(heading, no_wrap=True)
    table.add_column("paper", overflow="fold")
    notes = []
    for row in rows:
        table.add_row(
            Text(row.recipe, style="dim" if row.missing else "bold"),
            _share(row.share),
            "yes" if row.merges else "no",
            row.interpolates,
            "yes" if row.batches else "no",
            row.paper,
        )
        if row.missing:
            notes.append(Text(f"{row.recipe}: {row.missing}"))
    legend = Text(
        "trains: share of the base's parameters; merges: can become plain weights; interpolates: what RECIPE@ALPHA "
        "means; batches: requests for several adapters can share a batch.",
        style="dim",
    )
    return Group(table, legend, *notes)


def _share(share: float | None) -> str:
    if share is None:
        return "-"
    return "100%" if share == 1 else f"{100 * share:.2g}%"
