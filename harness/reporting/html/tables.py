"""What a table of the page holds: plain texts, escaped where they are shown. Knows nothing of what they say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.comparison import Interval, Mean
from harness.comparison.phrases import points_interval
from harness.reporting.columns import NONE

_OPEN_ROWS = 24  # of a table that isn't folded


@dataclass(frozen=True)
class Table:
    """`names` columns of text, then columns of figures; `note` says how to read it."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    names: int = 1
    note: str = ""

    @property
    def folded(self) -> bool:
        """Whether it is so long that a reader should ask for it."""
        return len(self.rows) > _OPEN_ROWS


def table(
    title: str, headings: Sequence[str], rows: Iterable[Sequence[str]], *, names: int = 1, note: str = ""
) -> list[Table]:
    """The table without the figures that no row has; nothing where it would have no rows."""
    listed = list(rows)
    kept = [place for place in range(len(headings)) if place < names or any(row[place] != NONE for row in listed)]
    found = Table(
        title, [headings[place] for place in kept], [[row[place] for place in kept] for row in listed], names, note
    )
    return [found] if listed else []


def share(mean: Mean | None) -> str:
    """A share from 0 to 1 in percent with its interval: `84.3 (78.1 to 90.0)`; `-` for none."""
    return f"{100 * mean.value:.1f} ({100 * mean.low:.1f} to {100 * mean.high:.1f})" if mean else NONE


def change(mean: Mean | None) -> str:
    """A difference of shares in points with its interval: `-0.8 (-2.0 to +0.4)`; `-` for none."""
    return points_interval(Interval(mean.value, mean.low, mean.high)).replace(" points", "") if mean else NONE
