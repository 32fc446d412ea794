"""The ways of finding passages, all asked alike for the `k` best for each query.

Knows nothing of where indexes and models come from: it is handed functions that give them, and calls those it needs.
"""

import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.retrieval.embedder import Vectors
from harness.retrieval.fusion import fuse
from harness.retrieval.index import PassageIndex
from harness.retrieval.passages import Passage
from harness.retrieval.rerank import rerank
from harness.retrieval.search import Hit, search
from harness.retrieval.settings import RetrieverSettings
from harness.retrieval.sparse import SparseIndex, search_sparse

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder


class Query(NamedTuple):
    """What is asked; `gold` are the ids of the passages that hold the answer, which only the oracle looks at."""

    text: str
    gold: tuple[str, ...] = ()


class Retriever(Protocol):
    """Finds passages."""

    def retrieve(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        """The `k` best passages for each query, best first; all of them if there are no more than `k`."""


@dataclass(frozen=True)
class Sources:
    """What retrievers draw on: the passages, and functions that give indexes and models of them.

    `embed` gives the unit vectors `(queries, dimension) float32` of queries; `reranker` the cross-encoder of a name.
    """

    passages: Sequence[Passage]
    dense: Callable[[], PassageIndex]
    embed: Callable[[Sequence[str]], Vectors]
    sparse: Callable[[], SparseIndex]
    reranker: Callable[[str], "CrossEncoder"]


def make_retriever(settings: RetrieverSettings, sources: Sources, *, seed: int = 0) -> Retriever:
    """The retriever that `settings` describe; `seed` is for drawing at random, and nothing is loaded yet."""
    among = _fitting(sources.passages, settings.filter)
    ids = [passage.id for passage in itertools.compress(sources.passages, among)]
    if settings.kind == "random":
        return _Random(ids, seed)
    found = _searching(settings, sources, among if settings.filter else None)
    return _Oracle(found, frozenset(ids)) if settings.kind == "oracle" else found


def _searching(settings: RetrieverSettings, sources: Sources, among: NDArray[np.bool_] | None) -> Retriever:
    dense, sparse = _Dense(sources, among), _Sparse(sources, among)
    found: Retriever = dense
    if settings.kind == "bm25":
        found = sparse
    elif settings.kind == "hybrid":
        found = _Hybrid(dense, sparse, settings.candidates)
    return _Reranked(found, sources, settings.rerank, settings.candidates) if settings.rerank else found


@dataclass(frozen=True)
class _Dense:
    """By the cosine of vectors."""

    sources: Sources
    among: NDArray[np.bool_] | None

    def retrieve(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        vectors = self.sources.embed([query.text for query in queries])
        return search(self.sources.dense(), vectors, k, among=self.among)


@dataclass(frozen=True)
class _Sparse:
    """By BM25."""

    sources: Sources
    among: NDArray[np.bool_] | None

    def retrieve(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        return search_sparse(self.sources.sparse(), [query.text for query in queries], k, among=self.among)


@dataclass(frozen=True)
class _Hybrid:
    """By the ranks that a passage has among the first candidates of both; after these, as dense has the others."""

    dense: Retriever
    sparse: Retriever
    candidates: int

    def retrieve(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        dense = self.dense.retrieve(queries, max(k, self.candidates))
        sparse = self.sparse.retrieve(queries, self.candidates)
        return [self._one(near, same)[:k] for near, same in zip(dense, sparse, strict=True)]

    def _one(self, near: Sequence[Hit], same: Sequence[Hit]) -> list[Hit]:
        # without a word in common BM25 hasn't found a passage: its place among such is by id and says nothing
        shared = [hit.passage for hit in same if hit.score > 0]
        fused = fuse([[hit.passage for hit in near[: self.candidates]], shared])
        known = {hit.passage for hit in fused}
        return [*fused, *(Hit(hit.passage, 0.0) for hit in near if hit.passage not in known)]


@dataclass(frozen=True)
class _Reranked:
    """By a cross-encoder, among the first candidates of another retriever; after these, in its order."""

    candidates_of: Retriever
    sources: Sources
    model: str
    candidates: int

    @cached_property
    def passages(self) -> Mapping[str, Passage]:
        return {passage.id: passage for passage in self.sources.passages}

    def retrieve(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        found = self.candidates_of.retrieve(queries, max(k, self.candidates))
        model = self.sources.reranker(self.model)
        return [self._one(model, query.text, hits)[:k] for query, hits in zip(queries, found, strict=True)]

    def _one(self, model: "CrossEncoder", text: str, hits: Sequence[Hit]) -> list[Hit]:
        read, others = hits[: self.candidates], hits[self.candidates :]
        ranked = rerank(model, text, [self.passages[hit.passage] for hit in read])
        return [*ranked, *(Hit(hit.passage, ranked[-1].score) for hit in others)]


@dataclass(frozen=True)
class _Oracle:
    """The gold passages in their order, then what another retriever finds."""

    others: Retriever
    allowed: frozenset[str]

    def retrieve(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        found = self.others.retrieve(queries, k)
        return [self._one(query.gold, hits, k) for query, hits in zip(queries, found, strict=True)]

    def _one(self, gold: Sequence[str], hits: Sequence[Hit], k: int) -> list[Hit]:
        first = [passage for passage in gold if passage in self.allowed]
        return _by_rank(list(dict.fromkeys([*first, *(hit.passage for hit in hits)]))[:k])


@dataclass(frozen=True)
class _Random:
    """Any passages, drawn by a hash of seed and query, so that nothing but these two decides."""

    passages: Sequence[str]
    seed: int

    def retrieve(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        return [self._draw(query.text, min(k, len(self.passages))) for query in queries]

    def _draw(self, text: str, k: int) -> list[Hit]:
        drawn: dict[str, None] = {}
        for number in itertools.count():
            if len(drawn) == k:
                break
            digest = hashlib.sha256(f"{self.seed}/{number}/{text}".encode("utf-8", "surrogatepass")).digest()
            drawn[self.passages[int.from_bytes(digest) % len(self.passages)]] = None
        return _by_rank(list(drawn))


def _by_rank(passages: Sequence[str]) -> list[Hit]:
    """Hits whose score is 1 / rank, since their order is all that is known of them."""
    return [Hit(passage, 1 / rank) for rank, passage in enumerate(passages, 1)]


def _fitting(passages: Sequence[Passage], wanted: Mapping[str, str | tuple[str, ...]]) -> NDArray[np.bool_]:
    """Which of the passages `(passages,)` have all the `wanted` metadata."""
    values = {key: (value,) if isinstance(value, str) else value for key, value in wanted.items()}
    return np.array(
        [all(passage.metadata.get(key) in options for key, options in values.items()) for passage in passages],
        np.bool_,
    )
