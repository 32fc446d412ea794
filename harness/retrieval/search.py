"""Which passages are nearest to each query? The same however the queries are batched; exact unless a structure guesses.

Knows nothing of where the vectors come from.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError
from harness.retrieval.blocks import nearest_rows
from harness.retrieval.embedder import Vectors
from harness.retrieval.index import PassageIndex
from harness.retrieval.structures import candidates

_TIE = 1e-4  # more than two ways of summing the inner product of two unit float32 rows differ by
_TOGETHER = 4  # queries from which on one product for all is quicker than FAISS (benchmarks/search.py)
_MARGIN = 8  # candidates beyond k; more are asked for where the last one could still tie with the k-th
_RESCORED = 10  # candidates of a structure for each hit: what it keeps of a vector may be coarse


class Hit(NamedTuple):
    """A retrieved passage, by id, and the score that it is ranked by: its cosine, where vectors were searched."""

    passage: str
    score: float


def search(index: PassageIndex, queries: Vectors, k: int, among: NDArray[np.bool_] | None = None) -> list[list[Hit]]:
    """The `k` nearest passages to each row of `queries` `(queries, dimension) float32`, best first.

    Equal scores are ordered by passage id; all passages are returned if there are no more than `k`. With `among`
    `(passages,) bool` only passages where it is true are looked at, each of them, whatever the structure of the index.
    A structure other than flat can miss passages without `among`; what it finds is scored exactly.
    Raises InputError for a `k` below 1 or for queries of another dimension than the index, and ValueError for an
    `among` of another shape or type.
    """
    if k < 1:
        raise InputError(f"{k} passages can't be retrieved. Ask for at least 1.")
    if queries.ndim != 2 or queries.shape[1] != index.settings.dimension:
        raise InputError(
            f"The queries have the shape {queries.shape} where the index needs (queries, {index.settings.dimension}), "
            "so another model embedded them. Use the embedder of the index."
        )
    if among is not None and (among.shape != (len(index.passages),) or among.dtype != np.bool_):
        raise ValueError(f"{len(index.passages)} passages need one truth value each, not {among.shape} {among.dtype}")
    queries = np.ascontiguousarray(queries, dtype=np.float32)
    if among is not None and not among.any():
        return [[] for _ in queries]
    if among is not None:
        found = nearest_rows(index.vectors, queries, k, _TIE, np.flatnonzero(among))
    elif index.structure is None:
        found = _exact(index.vectors, queries, k)
    else:
        found = _structured(index, queries, k)
    return [_rank(index, query, rows, k) for query, rows in zip(queries, found, strict=True)]


def _exact(vectors: Vectors, queries: Vectors, k: int) -> list[NDArray[np.int64]]:
    """For each query the rows that can be among its `k` nearest, those that tie with the k-th included."""
    # for one query reading the vectors is all there is to do, and FAISS does it as fast as the memory can
    if len(queries) < _TOGETHER:
        return _one_by_one(vectors, queries, k)
    return nearest_rows(vectors, queries, k, _TIE)


def _one_by_one(vectors: Vectors, queries: Vectors, k: int) -> list[NDArray[np.int64]]:
    """The same by FAISS's own search, asked for more until the last candidate can't tie any more."""
    import faiss

    size = len(vectors)
    found: list[NDArray[np.int64]] = [np.empty(0, np.int64)] * len(queries)
    pending, wanted = np.arange(len(queries)), min(k + _MARGIN, size)
    while len(pending):
        scores, rows = faiss.knn(queries[pending], vectors, wanted, metric=faiss.METRIC_INNER_PRODUCT)
        for query, nearest in zip(pending, rows, strict=True):
            found[query] = nearest
        if wanted == size:
            break
        pending = pending[scores[:, -1] >= scores[:, k - 1] - _TIE]
        wanted = min(2 * wanted, size)
    return found


def _structured(index: PassageIndex, queries: Vectors, k: int) -> list[NDArray[np.int64]]:
    """For each query the rows that the structure takes for near; all are looked at where it finds fewer than `k`."""
    size = index.settings.passages
    found = list(candidates(index.structure, queries, min(_RESCORED * k, size)))
    short = [place for place, rows in enumerate(found) if len(rows) < min(k, size)]
    for place, rows in zip(short, _exact(index.vectors, queries[short], k), strict=True):
        found[place] = rows
    return found


def _rank(index: PassageIndex, query: Vectors, rows: NDArray[np.int64], k: int) -> list[Hit]:
    # products of matrices sum in an order that depends on the number of queries and on a row's place, so that equal
    # passages can differ in the last bit; scored one by one, a score depends on nothing but its two vectors
    vectors = index.vectors[rows].astype(np.float64)
    scores = (vectors * query.astype(np.float64)).sum(axis=1)
    hits = [Hit(index.passages[row].id, float(score)) for row, score in zip(rows, scores, strict=True)]
    return sorted(hits, key=lambda hit: (-hit.score, hit.passage))[:k]
