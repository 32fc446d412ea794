"""Which passages cover which pieces of evidence, and what a ranking is worth by that.

Knows nothing of how passages are found, nor of questions.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
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
    """What was to be found and what was, in names that can be compared."""

    relevant: tuple[str, ...]
    ranking: tuple[str, ...]


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

    def gold(self, pieces: Iterable[Piece]) -> tuple[str, ...]:
        """The ids of all passages that cover a piece, in the order of the corpus.

        One for each piece comes first, so that as few as there are pieces show all evidence.
        """
        covering = [names for names in map(self.covering, pieces) if names]
        first = {names[0] for names in covering}
        every = {name for names in covering for name in names}
        return tuple(sorted(every, key=lambda name: (name not in first, self._places[name])))

    def judge(self, pieces: Iterable[Piece], ranking: Sequence[str]) -> Judged:
        """The names of the pieces, and the ranking of passage ids with the pieces' names in it.

        A passage that is the first to cover a piece bears that piece's name, any other its own id. A passage bears one
        name, so a piece is left out where whatever covers another piece covers it too.
        """
        covering = {piece.name: frozenset(self.covering(piece)) for piece in pieces}
        relevant = _needed(covering)
        names, missing = [], list(relevant)
        for passage in ranking:
            name = next((name for name in missing if passage in covering[name]), None)
            if name is not None:
                missing.remove(name)
            names.append(passage if name is None else name)
        return Judged(tuple(relevant), tuple(names))


def _needed(covering: dict[str, frozenset[str]]) -> list[str]:
    """The pieces that aren't found by the way, with every passage that covers some other one; the hardest come first.

    A piece that nothing covers is needed, and is missed by every ranking.
    """
    needed: list[str] = []
    for name in sorted(covering, key=lambda name: len(covering[name])):
        if not any(covering[other] and covering[other] <= covering[name] for other in needed):
            needed.append(name)
    return needed
