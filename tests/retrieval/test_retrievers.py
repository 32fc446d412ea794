import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest
from pydantic import ValidationError

from harness.retrieval import Passage, build_index, embed, search
from harness.retrieval.fusion import fuse
from harness.retrieval.retrievers import Query, Retriever, Sources, make_retriever
from harness.retrieval.settings import RetrieverKind, RetrieverSettings
from harness.retrieval.sparse import build_sparse_index, search_sparse

KINDS = get_args(RetrieverKind)
TEXTS = {
    "cat": "Cats sleep for most of the day.",
    "lynx": "The lynx is a wild cat that hunts hares in snowy woods.",
    "hare": "Hares are born with open eyes.",
    "cod": "Cod lives in cold water and is eaten with chips.",
    "ship": "The ship carried fish from the harbour to the capital.",
    "port": "A harbour shelters vessels from storms.",
    "law": "Parliament passed the bill in the third reading.",
    "tax": "A duty on imports is paid at the border.",
    "jazz": "The saxophone came late to jazz.",
    "piano": "A piano has eighty-eight keys.",
}
ANIMALS = {"cat", "lynx", "hare", "cod"}
CORPUS = [
    Passage(name, text, "d", metadata={"topic": "animals" if name in ANIMALS else "other", "language": "en"})
    for name, text in TEXTS.items()
]
QUERIES = [
    Query("Which animal hunts hares?", ("lynx",)),
    Query("Where do boats lie in bad weather?", ("port", "ship")),
    Query("instrument with keys", ("piano",)),
    Query("???"),
]


@pytest.fixture(scope="module")
def sources(minilm: Any) -> Sources:
    vectors = embed(minilm, [passage.searched_text for passage in CORPUS], "document")
    index, sparse = build_index(CORPUS, vectors, "model"), build_sparse_index(CORPUS)
    return Sources(
        passages=CORPUS,
        dense=lambda: index,
        embed=lambda texts: embed(minilm, texts, "query"),
        sparse=lambda: sparse,
        reranker=never("a reranker"),
    )


def never(what: str) -> Callable[..., Any]:
    """A source that must not be used."""
    return lambda *_: pytest.fail(f"{what} was loaded")


def names(retriever: Retriever, k: int, queries: list[Query] = QUERIES) -> list[list[str]]:
    return [[hit.passage for hit in row] for row in retriever.retrieve(queries, k)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_keeps_the_promise(kind: RetrieverKind, sources: Sources) -> None:
    """Every kind gives k different passages, the first of a longer ranking and scored in order, asked alone or not."""
    retriever = make_retriever(RetrieverSettings(kind=kind, candidates=4), sources)
    everything = names(retriever, 99)
    assert all(sorted(row) == sorted(TEXTS) for row in everything)
    for k in (1, 3, 6):
        assert names(retriever, k) == [row[:k] for row in everything]
    assert [names(retriever, 3, [query])[0] for query in QUERIES] == names(retriever, 3)
    for row in retriever.retrieve(QUERIES, 5):
        assert [hit.score for hit in row] == sorted((hit.score for hit in row), reverse=True)
    assert retriever.retrieve([], 3) == []


@pytest.mark.parametrize("kind", KINDS)
def test_filter_restricts_every_kind(kind: RetrieverKind, sources: Sources) -> None:
    """With a filter on metadata only passages that have them are found, by every kind, the gold ones too."""
    settings = RetrieverSettings(kind=kind, filter={"topic": "animals", "language": ("de", "en")})
    for k, count in ((3, 3), (99, 4)):
        for row in names(make_retriever(settings, sources), k):
            assert len(row) == count
            assert set(row) <= ANIMALS


@pytest.mark.parametrize("kind", KINDS)
def test_filter_that_leaves_nothing(kind: RetrieverKind, sources: Sources) -> None:
    """A filter that no passage passes finds nothing, and says so by empty rankings."""
    settings = RetrieverSettings(kind=kind, filter={"colour": "red"})
    assert names(make_retriever(settings, sources), 3) == [[] for _ in names(make_retriever(settings, sources), 1)]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_loaded_before_it_is_needed(kind: RetrieverKind) -> None:
    """Making a retriever loads nothing."""
    make_retriever(RetrieverSettings(kind=kind), Sources(CORPUS, *(never(part) for part in ("a", "b", "c", "d"))))


@pytest.mark.parametrize("kind", ["bm25", "random"])
def test_no_embedder_where_none_is_needed(kind: RetrieverKind, sources: Sources) -> None:
    """BM25 and the random retriever never ask for an embedder or its index."""
    parts = Sources(CORPUS, never("the index"), never("the embedder"), sources.sparse, never("a reranker"))
    assert len(names(make_retriever(RetrieverSettings(kind=kind), parts), 3)) == len(QUERIES)


def test_dense_and_bm25_are_the_searches(sources: Sources) -> None:
    """The dense kind is the search of the index, and bm25 that of the sparse index."""
    texts = [query.text for query in QUERIES]
    dense = make_retriever(RetrieverSettings(kind="dense"), sources).retrieve(QUERIES, 4)
    assert dense == search(sources.dense(), sources.embed(texts), 4)
    assert [row[0].passage for row in dense[:3]] == ["lynx", "port", "piano"]
    sparse = make_retriever(RetrieverSettings(kind="bm25"), sources).retrieve(QUERIES, 4)
    assert sparse == search_sparse(sources.sparse(), texts, 4)


def test_hybrid_fuses_the_candidates(sources: Sources) -> None:
    """The hybrid kind fuses as many candidates of both as it is told; what BM25 didn't find has no place in its."""
    retriever = make_retriever(RetrieverSettings(kind="hybrid", candidates=4), sources)
    dense = names(make_retriever(RetrieverSettings(kind="dense"), sources), 4)
    sparse = make_retriever(RetrieverSettings(kind="bm25"), sources).retrieve(QUERIES, 4)
    expected = [
        fuse([near, [hit.passage for hit in same if hit.score > 0]])[:3]
        for near, same in zip(dense, sparse, strict=True)
    ]
    assert retriever.retrieve(QUERIES, 3) == expected
    assert names(retriever, 3)[3] == dense[3][:3]  # "???" has no word, so BM25 says nothing


def test_hybrid_goes_on_with_dense(sources: Sources) -> None:
    """Where more are wanted than the candidates of both, the other passages follow as the dense kind ranks them."""
    query = Query("The harbour and the piano")
    retriever = make_retriever(RetrieverSettings(kind="hybrid", candidates=2), sources)
    dense = names(make_retriever(RetrieverSettings(), sources), 10, [query])[0]
    (hits,) = retriever.retrieve([query], 10)
    fused = [hit.passage for hit in hits if hit.score > 0]
    assert 2 <= len(fused) <= 4
    assert [hit.passage for hit in hits if hit.score == 0] == [name for name in dense if name not in fused]


def test_oracle_shows_gold_first(sources: Sources) -> None:
    """The oracle gives the gold passages in their order, as many as there is room for, then the nearest others."""
    retriever = make_retriever(RetrieverSettings(kind="oracle"), sources)
    query = Query("Which animal hunts hares?", ("tax", "jazz"))
    nearest = names(make_retriever(RetrieverSettings(), sources), 3, [query])[0]
    assert names(retriever, 5, [query]) == [["tax", "jazz", *nearest]]
    assert names(retriever, 1, [query]) == [["tax"]]
    assert names(retriever, 3, [query._replace(gold=())]) == [nearest]


def test_random_is_the_same_in_every_process(sources: Sources) -> None:
    """What is drawn depends on seed and query alone: not on the process, nor on what was drawn before."""
    code = (
        "from harness.retrieval import Passage; from harness.retrieval.settings import RetrieverSettings\n"
        "from harness.retrieval.retrievers import *\n"
        f"corpus = [Passage(name, '', 'd') for name in {list(TEXTS)!r}]\n"
        "sources = Sources(corpus, None, None, None, None)\n"
        f"queries = [Query(text) for text in {[query.text for query in QUERIES][::-1]!r}]\n"
        "drawn = make_retriever(RetrieverSettings(kind='random'), sources, seed=7).retrieve(queries, 4)\n"
        "print(*(hit.passage for row in reversed(drawn) for hit in row))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "5"}
    answer = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    retriever = make_retriever(RetrieverSettings(kind="random"), sources, seed=7)
    assert answer.stdout.split() == [name for row in names(retriever, 4) for name in row]


def test_random_depends_on_seed_and_query(sources: Sources) -> None:
    """Other seeds and other queries draw other passages, each passage about equally often in each place."""
    queries = [Query(f"question {number}") for number in range(2_000)]
    draws = [names(make_retriever(RetrieverSettings(kind="random"), sources, seed=seed), 3, queries) for seed in (0, 1)]
    for place in range(3):
        counts = Counter(row[place] for row in draws[0])
        assert max(abs(counts[name] - 200) for name in TEXTS) < 5 * np.sqrt(200 * 0.9)  # five standard deviations
    same = np.mean([one == other for one, other in zip(*draws, strict=True)])
    assert same < 0.01  # by chance 1 in 720


def test_random_is_not_reranked() -> None:
    """A random retriever with a reranker is refused: its name would be untrue."""
    with pytest.raises(ValidationError, match="isn't random any more"):
        RetrieverSettings(kind="random", rerank="some/model")
