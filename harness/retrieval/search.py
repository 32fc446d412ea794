"""Which passages are nearest to each query? Exact, and the same however the queries are batched.

Knows nothing of where the vectors come from.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError
from harness.retrieval.blocks import nearest_rows
from harness.retrieval.embedder import Vectors
from harness.retrieval.index import PassageIndex

_TIE = 1e-4  # more than two ways of summing the inner product of two unit float32 rows differ by
_TOGETHER = 4  # queries from which on one product for all is quicker than FAISS (benchmarks/search.py)
_MARGIN = 8  # candidates beyond k; more are asked for where the last one could still tie with the k-th


class Hit(NamedTuple):
    """A retrieved passage, by id, and its cosine with the query."""

    passage: str
    score: float


def search(index: PassageIndex, queries: Vectors, k: int) -> list[list[Hit]]:
    """The `k` nearest passages to each row of `queries` `(queries, dimension) float32`, best first.

    Equal scores are ordered by passage id; all passages are returned if there are no more than `k`.
    Raises InputError for a `k` below 1 or for queries of another dimension than the index.
    """
    if k < 1:
        raise InputError(f"{k} passages can't be retrieved. Ask for at least 1.")
    if queries.ndim != 2 or queries.shape[1] != index.settings.dimension:
        raise InputError(
            f"The queries have the shape {queries.shape} where the index needs (queries, {index.settings.dimension}), "
            "so another model embedded them. Use the embedder of the index."
        )
    return [_rank(index, query, rows, k) for query, rows in zip(queries, _candidates(index, queries, k), strict=True)]


def _candidates(index: PassageIndex, queries: Vectors, k: int) -> list[NDArray[np.int64]]:
    """For each query the rows that can be among its `k` nearest, those that tie with the k-th included."""
    stored = _stored(index)
    # for one query reading the vectors is all there is to do, and FAISS does it as fast as the memory can
    if stored is None or len(queries) < _TOGETHER:
        return _from_faiss(index, queries, k)
    return nearest_rows(stored, np.ascontiguousarray(queries, dtype=np.float32), k, _TIE)


def _stored(index: PassageIndex) -> Vectors | None:
    """The vectors inside a flat index `(passages, dimension) float32`, not copied; None for any other structure."""
    import faiss

    flat = index.vectors
    if not isinstance(flat, faiss.IndexFlat):
        return None
    rows: Vectors = faiss.rev_swig_ptr(flat.get_xb(), flat.ntotal * flat.d).reshape(flat.ntotal, flat.d)
    return rows


def _from_faiss(index: PassageIndex, queries: Vectors, k: int) -> list[NDArray[np.int64]]:
    """The same by FAISS's own search, asked for more until the last candidate can't tie any more."""
    size = index.settings.passages
    found: list[NDArray[np.int64]] = [np.empty(0, np.int64)] * len(queries)
    pending, wanted = np.arange(len(queries)), min(k + _MARGIN, size)
    while len(pending):
        scores, rows = index.vectors.search(np.ascontiguousarray(queries[pending]), wanted)
        for query, candidates in zip(pending, rows, strict=True):
            found[query] = candidates
        if wanted == size:
            break
        pending = pending[scores[:, -1] >= scores[:, k - 1] - _TIE]
        wanted = min(2 * wanted, size)
    return found


def _rank(index: PassageIndex, query: Vectors, rows: NDArray[np.int64], k: int) -> list[Hit]:
    # FAISS sums in an order that depends on the number of queries and on a row's place, so that equal passages can
    # differ in the last bit; scored one by one, a score depends on nothing but its two vectors
    vectors = index.vectors.reconstruct_batch(rows).astype(np.float64)
    scores = (vectors * query.astype(np.float64)).sum(axis=1)
    hits = [Hit(index.passages[row].id, float(score)) for row, score in zip(rows, scores, strict=True)]
    return sorted(hits, key=lambda hit: (-hit.score, hit.passage))[:k]
