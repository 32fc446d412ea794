"""Which rows of a file a selection takes: by value, by another file, by part, and how many."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from harness.suite.sources.rows import Row
from harness.suite.sources.settings import Selection
from harness.suite.sources.values import Taken, as_text, share


@dataclass(frozen=True)
class Among:
    """The texts that `by` has in the rows of another file, and whether a row must have one of them or none."""

    by: Taken
    texts: frozenset[str]
    wanted: bool

    def keeps(self, row: Row) -> bool:
        """Whether a row is taken."""
        return any(as_text(value) in self.texts for value in self.by.values(row.fields)) == self.wanted


def wanted_to_choose(selection: Selection) -> Iterator[Taken]:
    """What a selection wants to know of a row to take it or leave it."""
    lookups = [lookup for lookup in (selection.only_in, selection.not_in) if lookup]
    part = [selection.part.by] if selection.part else []
    yield from (Taken(text) for text in (*selection.where, *(lookup.by for lookup in lookups), *part))


def chosen(rows: Iterable[Row], selection: Selection, among: Iterable[Among]) -> Iterator[Row]:
    """The rows that `where`, `only_in`, `not_in` and `part` let through."""
    wanted = [(Taken(text), frozenset(values)) for text, values in selection.where.items()]
    part = selection.part
    by = Taken(part.by) if part else None
    for row in rows:
        if not all(any(as_text(v) in values for v in taken.values(row.fields)) for taken, values in wanted):
            continue
        if not all(other.keeps(row) for other in among):
            continue
        if part and by and not part.start <= share("\n".join(map(as_text, by.values(row.fields)))) < part.end:
            continue
        yield row


def drawn(rows: list[Row], limit: int | None, seed: int) -> list[Row]:
    """At most `limit` rows, drawn by `seed`, in the order of the file."""
    if limit is None or limit >= len(rows):
        return rows
    return [rows[place] for place in sorted(Random(seed).sample(range(len(rows)), limit))]
