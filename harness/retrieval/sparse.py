"""A BM25 index over passages (bm25s), which finds those that share the query's rare words.

Saved as bm25s' own files, arrays and JSON without pickles, and `sparse.json`. Knows nothing of vectors.
"""

import hashlib
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from harness.errors import InputError
from harness.retrieval.passages import Passage, check_passages
from harness.retrieval.search import Hit
from harness.retrieval.words import Language, words

_FILE = "sparse.json"


class SparseSettings(BaseModel):
    """How passages were made into words, and which ones: `ids` is a SHA-256 over their ids in order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["harness.sparse/1"] = "harness.sparse/1"
    language: Language | None
    ids: str


@dataclass(frozen=True)
class SparseIndex:
    """Passage ids, and the BM25 scores (`scores`) of every word in every one of these passages."""

    ids: tuple[str, ...]
    scores: Any  # bm25s.BM25, which has no types
    settings: SparseSettings

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """The place `(passages,)` that each passage's id has among all ids in order, by which ties are decided."""
        places = np.empty(len(self.ids), np.int64)
        places[sorted(range(len(self.ids)), key=self.ids.__getitem__)] = np.arange(len(self.ids))
        return places


def build_sparse_index(passages: Sequence[Passage], language: Language | None = "english") -> SparseIndex:
    """A BM25 index over titles and texts, in Lucene's variant with k1 = 1.5 and b = 0.75 (Robertson and Zaragoza 2009).

    `language` says whose stop words are left out and how words are stemmed; None leaves all words as they are.
    Raises InputError for an empty corpus or repeated ids.
    """
    import bm25s

    check_passages(passages)
    vocabulary: dict[str, int] = {}
    counted = [
        array("i", [vocabulary.setdefault(word, len(vocabulary)) for word in words(passage.searched_text, language)])
        for passage in passages
    ]
    scores = bm25s.BM25()
    with np.errstate(invalid="ignore"):  # without any word the mean length is 0, and divides nothing that is kept
        scores.index((counted, vocabulary), create_empty_token=False, show_progress=False)
    ids = tuple(passage.id for passage in passages)
    return SparseIndex(ids, scores, SparseSettings(language=language, ids=_hash(ids)))


def save_sparse_index(index: SparseIndex, folder: Path) -> None:
    """Writes the index into `folder`, which exists; the passages themselves aren't in it."""
    index.scores.save(folder, show_progress=False)
    (folder / _FILE).write_text(index.settings.model_dump_json(indent=2) + "\n", encoding="utf-8")


def load_sparse_index(folder: Path, passages: Sequence[Passage]) -> SparseIndex:
    """The index in `folder` over `passages`, its arrays memory-mapped.

    Raises InputError if it is an index of other passages or can't be read.
    """
    import bm25s

    try:
        settings = SparseSettings.model_validate_json((folder / _FILE).read_bytes())
        scores = bm25s.BM25.load(folder, mmap=True, allow_pickle=False, show_progress=False)
    except (OSError, ValidationError, ValueError, KeyError, TypeError, ImportError) as error:
        raise InputError(f"{folder}: holds no BM25 index that can be read ({error}). Build it again.") from error
    ids = tuple(passage.id for passage in passages)
    if settings.ids != _hash(ids):
        raise InputError(
            f"{folder}: is the BM25 index of other passages than these {len(ids)}, so that it would rank what isn't "
            "there. Build the index again."
        )
    counts = {len(scores.scores[part]) for part in ("data", "indices")} | {int(scores.scores["indptr"][-1])}
    if len(counts) > 1 or len(scores.scores["indptr"]) != len(scores.vocab_dict) + 1:
        raise InputError(f"{folder}: the arrays of its BM25 index don't fit together. Build the index again.")
    return SparseIndex(ids, scores, settings)


def search_sparse(
    index: SparseIndex, queries: Sequence[str], k: int, among: NDArray[np.bool_] | None = None
) -> list[list[Hit]]:
    """The `k` passages with the highest BM25 score for each query, best first.

    Equal scores are ordered by passage id, those of 0 too: passages that share no word with the query come last, and
    all come so if it has no known word. All passages are returned if there are no more than `k`. `among`
    `(passages,)` restricts them to where it is true. Raises InputError for a `k` below 1.
    """
    if k < 1:
        raise InputError(f"{k} passages can't be retrieved. Ask for at least 1.")
    rows = np.arange(len(index.ids)) if among is None else np.flatnonzero(among)
    return [_best(index, _score(index, query)[rows], rows, k) for query in queries]


def _score(index: SparseIndex, query: str) -> NDArray[np.float32]:
    """The scores of all passages `(passages,) float32`; a word that the query has twice counts twice."""
    known = index.scores.get_tokens_ids(words(query, index.settings.language))
    if not known:
        return np.zeros(len(index.ids), np.float32)
    scores: NDArray[np.float32] = index.scores.get_scores_from_ids(known)
    return scores


def _best(index: SparseIndex, scores: NDArray[np.float32], rows: NDArray[np.int64], k: int) -> list[Hit]:
    if k < len(rows):
        near = scores >= np.partition(scores, -k)[-k]
        scores, rows = scores[near], rows[near]
    order = np.lexsort((index.places[rows], -scores))[:k]
    return [Hit(index.ids[rows[place]], float(scores[place])) for place in order]


def _hash(ids: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for id_ in ids:
        digest.update(id_.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()
