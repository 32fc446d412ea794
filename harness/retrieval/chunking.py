"""Cuts documents into passages that an embedder reads to their end, at headings, paragraphs, sentences or words.

Knows nothing of where documents come from.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError
from harness.retrieval.borders import HEADING, borders
from harness.retrieval.passages import Passage
from harness.retrieval.settings import ChunkSettings
from harness.retrieval.tokens import document_prompt, token_lengths, token_starts
from harness.runs import fingerprint

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_TOGETHER = 256  # documents that are tokenized and checked together


class Source(Protocol):
    """What is cut: any record with these four."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def title(self) -> str: ...  # noqa: D102
    @property
    def text(self) -> str: ...  # noqa: D102
    @property
    def metadata(self) -> Mapping[str, str]: ...  # noqa: D102


class _Piece(NamedTuple):
    source: Source
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]


def chunk(
    documents: Sequence[Source],
    model: "SentenceTransformer",
    settings: ChunkSettings,
    *,
    advance: Callable[[int], None] | None = None,
) -> list[Passage]:
    """The passages of `documents`, in order, for `model` to embed.

    A passage has at most `settings.tokens` tokens as `model` reads it, with its title, the model's prompt and special
    tokens; the next one of its document repeats at most `settings.overlap` of them, and none across a heading.
    Together they hold all of a document but white space, so one that holds nothing else has no passage. Only a word
    that is too long by itself is cut inside. A passage's id depends on its document's id and title and its own text.
    `advance` is called with the numbers of documents that are done. Raises InputError if `model` reads less than
    `settings.tokens` at once, or for titles of more than half of them.
    """
    tokens = settings.tokens
    rooms = [0] * len(documents) if tokens is None else _rooms(documents, model, tokens)
    passages: list[Passage] = []
    for start in range(0, len(documents), _TOGETHER):
        part = documents[start : start + _TOGETHER]
        if tokens is None:
            pieces = [_Piece(document, 0, len(document.text)) for document in part]
        else:
            pieces = _pieces(part, rooms[start : start + _TOGETHER], model, settings.overlap)
            pieces = _moving_on(_fitting(pieces, model, tokens))
        passages += _passages(pieces)
        if advance is not None:
            advance(len(part))
    return passages


def _pieces(
    documents: Sequence[Source], rooms: Sequence[int], model: "SentenceTransformer", overlap: int
) -> list[_Piece]:
    starts = token_starts(model, [document.text for document in documents])
    return [
        _Piece(document, start, end)
        for document, room, tokens_at in zip(documents, rooms, starts, strict=True)
        for start, end in _spans(document.text, tokens_at, room, min(overlap, room // 2))
    ]


def _rooms(documents: Sequence[Source], model: "SentenceTransformer", tokens: int) -> list[int]:
    """How many of the tokens each document's text may take, after its title, the prompt and the special tokens."""
    if model.max_seq_length and tokens > model.max_seq_length:
        raise InputError(
            f"Passages of {tokens} tokens are asked for and the embedder reads {model.max_seq_length}, so the rest of "
            f"each would never be found. Set chunk.tokens to at most {model.max_seq_length}, or take another embedder."
        )
    titles = list({document.title for document in documents})
    taken = dict(zip(titles, token_lengths(model, [_before(title, model) for title in titles]), strict=True))
    long = [document.id for document in documents if 2 * taken[document.title] > tokens]
    if long:
        raise InputError(
            f"{len(long)} documents have a title that takes more than half of a passage's {tokens} tokens "
            f"({', '.join(map(repr, long[:5]))}), so there is hardly room for their text. Shorten the titles, "
            "or raise chunk.tokens."
        )
    return [tokens - taken[document.title] for document in documents]


def _before(title: str, model: "SentenceTransformer") -> str:
    return document_prompt(model) + (f"{title}\n" if title else "")


def _spans(text: str, starts: NDArray[np.int64], room: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Where to cut a text whose tokens begin at `starts`, at most `room` tokens a span, `overlap` of them repeated."""
    if len(starts) <= room:
        yield 0, len(text)
        return
    levels = borders(text)
    start = end = 0
    while len(starts) - (first := int(np.searchsorted(starts, start))) > room:
        last = int(starts[first + room])
        enough = max(first + room // 2, int(np.searchsorted(starts, end)) + room // 4)  # no crumbs, no mere repetition
        cut = _best(levels, int(starts[enough]), last) or _best(levels, end, last)
        if cut is None and start < end:
            start = end  # the next word has no room beside what is repeated
            continue
        end = cut or max(last, start + 1)
        yield start, end
        start = end if levels[end : end + 1] == HEADING else _repeated_from(levels, starts, start, end, overlap)
    yield start, len(text)


def _best(levels: NDArray[np.uint8], after: int, last: int) -> int | None:
    """The last of the best borders after `after` and up to `last`."""
    window = levels[after + 1 : last + 1]
    if not window.any():
        return None
    return after + 1 + int(np.flatnonzero(window == window.max())[-1])


def _repeated_from(levels: NDArray[np.uint8], starts: NDArray[np.int64], start: int, end: int, overlap: int) -> int:
    """Where the span after the one from `start` to `end` begins: the first of the best borders that it may repeat."""
    token = int(np.searchsorted(starts, end)) - overlap
    earliest = max(start + 1, int(starts[max(0, min(token, len(starts) - 1))]))
    window = levels[earliest:end]
    return earliest + int(window.argmax()) if window.any() else end


def _fitting(pieces: Sequence[_Piece], model: "SentenceTransformer", tokens: int) -> list[_Piece]:
    """The pieces, and halves of those that have more tokens by themselves than they had inside their document."""
    texts = [_before(piece.source.title, model) + piece.text for piece in pieces]
    fitting: list[_Piece] = []
    for piece, length in zip(pieces, token_lengths(model, texts), strict=True):
        if length <= tokens or piece.end - piece.start == 1:
            fitting.append(piece)
        else:
            fitting += _fitting(_halves(piece), model, tokens)
    return fitting


def _moving_on(pieces: Sequence[_Piece]) -> list[_Piece]:
    """The pieces without halves that lie in what the next piece of their document repeats."""
    kept: list[_Piece] = []
    for piece in reversed(pieces):
        if not kept or kept[-1].source is not piece.source or kept[-1].start > piece.start:
            kept.append(piece)
    return kept[::-1]


def _halves(piece: _Piece) -> tuple[_Piece, _Piece]:
    half = (piece.end - piece.start) // 2
    places = 1 + np.flatnonzero(borders(piece.text)[1:])
    cut = piece.start + (int(places[np.abs(places - half).argmin()]) if len(places) else half)
    return piece._replace(end=cut), piece._replace(start=cut)


def _passages(pieces: Sequence[_Piece]) -> list[Passage]:
    passages = []
    seen: Counter[str] = Counter()
    for piece in _apart(filter(None, map(_stripped, pieces))):
        source, text = piece.source, piece.text
        content = fingerprint([source.id, source.title, text])
        id_ = f"{source.id}#{fingerprint([content, seen[content]])[:12]}"
        seen[content] += 1
        passages.append(Passage(id_, text, source.id, source.title, piece.start, piece.end, source.metadata))
    return passages


def _stripped(piece: _Piece) -> _Piece | None:
    """The piece without white space around it; None if it is nothing else."""
    text = piece.text.strip()
    start = piece.start + len(piece.text) - len(piece.text.lstrip())
    return piece._replace(start=start, end=start + len(text)) if text else None


def _apart(pieces: Iterable[_Piece]) -> list[_Piece]:
    """The pieces without those that lie within their neighbour, once white space is gone."""
    kept: list[_Piece] = []
    for piece in pieces:
        while kept and kept[-1].source is piece.source and piece.start <= kept[-1].start:
            kept.pop()
        if not (kept and kept[-1].source is piece.source and piece.end <= kept[-1].end):
            kept.append(piece)
    return kept
