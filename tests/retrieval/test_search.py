from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from harness.errors import InputError
from harness.retrieval import Hit, Passage, Vectors, build_index, embed, search

Rows = Callable[..., Vectors]
Corpus = Callable[[int], list[Passage]]


def brute_force(passages: list[Passage], rows: Vectors, query: Vectors, k: int) -> list[Hit]:
    scores = (rows.astype(np.float64) * query.astype(np.float64)).sum(axis=1)
    ranked = sorted(
        zip(scores, (passage.id for passage in passages), strict=True), key=lambda pair: (-pair[0], pair[1])
    )
    return [Hit(id_, float(score)) for score, id_ in ranked[:k]]


@pytest.mark.parametrize("k", [1, 3, 10, 200])
def test_equals_brute_force(k: int, unit_rows: Rows, corpus: Corpus) -> None:
    """Ids and scores are those of sorting all inner products in double precision."""
    passages, rows, queries = corpus(200), unit_rows(200), unit_rows(40, seed=1)
    index = build_index(passages, rows, "h")
    assert search(index, queries, k) == [brute_force(passages, rows, query, k) for query in queries]


def test_ties_by_id(unit_rows: Rows, corpus: Corpus) -> None:
    """Passages with equal vectors are ordered by id, also where the cut goes through them, wherever they lie."""
    rows = unit_rows(60)
    rows[5:55] = rows[5]
    order = np.random.default_rng(3).permutation(60)
    passages = [corpus(60)[position] for position in order]
    index = build_index(passages, rows[order], "h")
    (hits,) = search(index, rows[5:6], 4)
    assert [hit.passage for hit in hits] == ["p0005", "p0006", "p0007", "p0008"]
    assert len({hit.score for hit in hits}) == 1


def test_batching_of_queries_does_not_matter(unit_rows: Rows, corpus: Corpus) -> None:
    """A query gets the same hits to the bit, alone or among others (FAISS itself sums differently for many)."""
    index, queries = build_index(corpus(500), unit_rows(500, 384), "h"), unit_rows(64, 384, seed=1)
    assert search(index, queries, 5) == [search(index, queries[i : i + 1], 5)[0] for i in range(64)]


def test_more_than_there_are(unit_rows: Rows, corpus: Corpus) -> None:
    """A `k` beyond the corpus returns every passage once."""
    (hits,) = search(build_index(corpus(3), unit_rows(3), "h"), unit_rows(1, seed=1), 10)
    assert sorted(hit.passage for hit in hits) == ["p0000", "p0001", "p0002"]


def test_no_queries(unit_rows: Rows, corpus: Corpus) -> None:
    """No queries give no hits."""
    assert search(build_index(corpus(3), unit_rows(3), "h"), unit_rows(0), 2) == []


def test_queries_of_another_model(unit_rows: Rows, corpus: Corpus) -> None:
    """Queries of another dimension are refused before FAISS reads beyond them."""
    with pytest.raises(InputError, match="another model"):
        search(build_index(corpus(3), unit_rows(3), "h"), unit_rows(1, 8), 2)


@pytest.mark.parametrize("k", [0, -1])
def test_nothing_asked(k: int, unit_rows: Rows, corpus: Corpus) -> None:
    """A `k` below 1 is refused."""
    with pytest.raises(InputError, match="at least 1"):
        search(build_index(corpus(3), unit_rows(3), "h"), unit_rows(1), k)


def test_finds_what_is_asked_for(minilm: Any) -> None:
    """With the real embedder a question finds the passage that answers it."""
    texts = [
        "The ferry to Aru leaves at noon.",
        "Bread is baked in the old mill.",
        "The lighthouse keeper is called Mira.",
        "Snow falls in the northern valley until May.",
    ]
    passages = [Passage(f"p{number}", text, "d") for number, text in enumerate(texts)]
    index = build_index(passages, embed(minilm, texts, "document"), "minilm")
    questions = ["Who keeps the lighthouse?", "When does the ship to Aru depart?", "Where is bread made?"]
    hits = search(index, embed(minilm, questions, "query"), 2)
    assert [query[0].passage for query in hits] == ["p2", "p0", "p1"]
