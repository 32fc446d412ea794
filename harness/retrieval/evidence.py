"""Which passages cover which pieces of evidence, and what a ranking is worth by that.

Knows nothing of how passages are found, nor of questions.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from harness.retrieval.passages import Passage


class Piece(NamedTuple):
    """A piece of evidence: a whole document, or its characters `start` to `end` (exclusive)."""

    document: str
    start: int = 0
    end: int | None = None

    @property
    def name(self) -> str:
        """`DOCUMENT`, or `DOCUMENT:START-END`."""
        return self.document if self.end is None else f"{self.document}:{self.start}-{self.end}"


class Judged(NamedTuple):
    """What was to be found and what was, in names that can be compared.

    `complete_after` is how many passages of the ranking hold all that was to be found; None if they don't.
    """

    relevant: tuple[str, ...]
    ranking: tuple[str, ...]
    complete_after: int | None


class Coverage:
    """The passages of a corpus, to be asked which of them cover a piece of evidence.

    A whole document is covered by any of its passages. A span is covered by the passages that hold all of it; where it
    is cut, by the passage that holds the most of it, however little that is (by all of these if they hold equally
    much): what no passage can hold could never be found.
    """

    def __init__(self, passages: Iterable[Passage]) -> None:
        """`passages` are in the order of the corpus."""
        self._passages: dict[str, list[Passage]] = defaultdict(list)  # by document
        self._places: dict[str, int] = {}
        for place, passage in enumerate(passages):
            self._passages[passage.document].append(passage)
            self._places[passage.id] = place

    def covering(self, piece: Piece) -> tuple[str, ...]:
        """The ids of the passages that cover `piece`, in the order of the corpus; none if its text isn't there."""
        passages = self._passages.get(piece.document, [])
        if piece.end is None:
            return tuple(passage.id for passage in passages)
        held = [min(passage.end, piece.end) - max(passage.start, piece.start) for passage in passages]
        most = max(held, default=0)
        return tuple(passage.id for passage, count in zip(passages, held, strict=True) if count == most > 0)

    def touching(self, pieces: Iterable[Piece]) -> frozenset[str]:
        """The ids of all passages that hold any part of a piece, however little."""
        return frozenset(
            passage.id
            for piece in pieces
            for passage in self._passages.get(piece.document, [])
            if piece.end is None or (passage.start < piece.end and piece.start < passage.end)
        )

    def gold(self, pieces: Iterable[Piece]) -> tuple[str, ...]:
        """The ids of all passages that cover a piece, in the order of the corpus.

        One for each piece comes first, so that as few as there are pieces show all evidence.
        """
        covering = [names for names in map(self.covering, pieces) if names]
        first = {names[0] for names in covering}
        every = {name for names in covering for name in names}
        return tuple(sorted(every, key=lambda name: (name not in first, self._places[name])))

    def judge(self, pieces: Iterable[Piece], ranking: Sequence[str], *, any_will_do: bool = False) -> Judged:
        """The names of the pieces, and the ranking of passage ids with the pieces' names in it.

        A passage that is the first to cover a piece bears that piece's name, any other its own id. A passage bears one
        name, so a piece is left out where whatever covers another piece covers it too. With `any_will_do` the pieces
        are alternatives: one, named after the first, which all that covers any of them covers.
        """
        covering = {piece.name: frozenset(self.covering(piece)) for piece in pieces}
        if any_will_do and covering:
            covering = {next(iter(covering)): frozenset().union(*covering.values())}
        relevant = _needed(covering)
        names, missing = [], list(relevant)
        for passage in ranking:
            name = next((name for name in missing if passage in covering[name]), None)
            if name is not None:
                missing.remove(name)
            names.append(passage if name is None else name)
        return Judged(tuple(relevant), tuple(names), _after(covering, ranking))


def _after(covering: Mapping[str, Collection[str]], ranking: Sequence[str]) -> int | None:
    """After how many passages of `ranking` each piece is covered; None if one never is."""
    places = {passage: place for place, passage in enumerate(ranking, 1)}
    firsts = [min((places[name] for name in names if name in places), default=None) for names in covering.values()]
    return None if None in firsts else max((first for first in firsts if first is not None), default=0)


def _needed(covering: dict[str, frozenset[str]]) -> list[str]:
    """The pieces that aren't found by the way, with every passage that covers some other one; the hardest come first.

    A piece that nothing covers is needed, and is missed by every ranking.
    """
    needed: list[str] = []
    for name in sorted(covering, key=lambda name: len(covering[name])):
        if not any(covering[other] and covering[other] <= covering[name] for other in needed):
            needed.append(name)
    return needed
