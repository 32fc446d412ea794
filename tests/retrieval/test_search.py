import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from harness.errors import InputError
from harness.retrieval import Hit, Passage, Vectors, build_index, embed, search
from harness.retrieval.blocks import nearest_rows

search_module = sys.modules[search.__module__]  # the package's `search` is the function
Rows = Callable[..., Vectors]
Corpus = Callable[[int], list[Passage]]


class Largest(TorchDispatchMode):
    """Keeps the size of the largest tensor that an operation gave."""

    elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple) else (result,):
            self.elements = max(self.elements, tensor.numel() if isinstance(tensor, torch.Tensor) else 0)
        return result


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


def test_many_rows_equal_brute_force(unit_rows: Rows, corpus: Corpus) -> None:
    """Over several blocks of rows and of queries, the last ones not full, nothing is lost and nothing is moved."""
    passages, rows, queries = corpus(9_001), unit_rows(9_001), unit_rows(1_030, seed=1)
    hits = search(build_index(passages, rows, "h"), queries, 3)
    for place in (0, 511, 1_023, 1_024, 1_029):
        assert hits[place] == brute_force(passages, rows, queries[place], 3)


def test_ties_across_blocks(unit_rows: Rows) -> None:
    """All rows that tie with the k-th within the tolerance are found, in whatever block and group they lie."""
    rows = unit_rows(9_000)
    places = [0, 1, 31, 4_095, 4_096, 5_000, 8_191, 8_192, 8_999]
    rows[places] = rows[0]
    found = nearest_rows(rows, rows[:5].copy(), 4, 1e-4)
    assert found[0].tolist() == places


def test_few_more_rows_than_needed(unit_rows: Rows) -> None:
    """Where nothing ties, the rows found are the `k` nearest and hardly any others."""
    found = nearest_rows(unit_rows(9_000), unit_rows(60, seed=1), 7, 0.0)
    assert min(map(len, found)) == 7
    assert sum(map(len, found)) < 60 * 8


@pytest.mark.parametrize("k", [2, 200])
def test_memory_is_bounded_by_a_block(k: int, unit_rows: Rows) -> None:
    """No tensor is larger than a block and its `k` best, so none holds every pair of a row and a query."""
    rows, queries = unit_rows(20_000), unit_rows(2_000, seed=1)
    with Largest() as largest:
        nearest_rows(rows, queries, k, 1e-4)
    assert 0 < largest.elements <= (4_096 + k) * 1_024


def test_vectors_are_not_copied(unit_rows: Rows, corpus: Corpus) -> None:
    """What is searched are the rows that the index was built from, not a copy."""
    rows = unit_rows(9)
    assert np.shares_memory(build_index(corpus(9), rows, "h").vectors, rows)


@pytest.mark.parametrize("count", [1, 40])
def test_either_path_gives_the_same(
    count: int, unit_rows: Rows, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAISS's candidates and those of the blocked product end in the same hits to the bit, ties included."""
    rows = unit_rows(5_000, 64)
    rows[7:3_000:11] = rows[7]
    index, queries = build_index(corpus(5_000), rows, "h"), unit_rows(count, 64, seed=1)
    queries[0] = rows[7]
    both = []
    for together in (1, count + 1):
        monkeypatch.setattr(search_module, "_TOGETHER", together)
        both.append(search(index, queries, 5))
    assert both[0] == both[1]


def test_batching_of_queries_does_not_matter(unit_rows: Rows, corpus: Corpus) -> None:
    """A query gets the same hits to the bit, alone or among others (FAISS itself sums differently for many)."""
    index, queries = build_index(corpus(500), unit_rows(500, 384), "h"), unit_rows(64, 384, seed=1)
    assert search(index, queries, 5) == [search(index, queries[i : i + 1], 5)[0] for i in range(64)]


@pytest.mark.parametrize("structure", ["Flat", "HNSW16", "IVF16,PQ4x4"])
@pytest.mark.parametrize("count", [1, 40])
def test_among(structure: str, count: int, unit_rows: Rows, corpus: Corpus) -> None:
    """Among some of the passages the nearest of these are found, exactly, whatever the structure of the index."""
    passages, rows, queries = corpus(9_000), unit_rows(9_000), unit_rows(count, seed=1)
    index = build_index(passages, rows, "h", structure)
    for share in (1.0, 0.5, 0.001):
        among = np.random.default_rng(5).random(9_000) < share
        kept = [passage for passage, allowed in zip(passages, among, strict=True) if allowed]
        hits = search(index, queries, 5, among)
        assert hits == [brute_force(kept, rows[among], query, 5) for query in queries]


def test_among_ties(unit_rows: Rows, corpus: Corpus) -> None:
    """Equal scores among some of the passages are ordered by id too, all that tie with the last one considered."""
    rows = unit_rows(9_000)
    rows[::3] = rows[0]
    passages, among = corpus(9_000), np.arange(9_000) % 2 == 1
    (hits,) = search(build_index(passages[::-1], rows[::-1].copy(), "h"), rows[:1], 3, among[::-1])
    assert [hit.passage for hit in hits] == ["p0003", "p0009", "p0015"]


def test_among_few(unit_rows: Rows, corpus: Corpus) -> None:
    """Among fewer passages than are asked for all of them are returned, among none none."""
    index, among = build_index(corpus(90), unit_rows(90), "h"), np.zeros(90, dtype=bool)
    assert search(index, unit_rows(2), 5, among) == [[], []]
    among[[4, 50]] = True
    assert [sorted(hit.passage for hit in hits) for hits in search(index, unit_rows(2), 5, among)] == [
        ["p0004", "p0050"],
        ["p0004", "p0050"],
    ]


def test_among_what(unit_rows: Rows, corpus: Corpus) -> None:
    """What is no mask over the passages is a mistake of the caller's, not other passages."""
    index = build_index(corpus(9), unit_rows(9), "h")
    for among in (np.array([0, 4]), np.ones(8, dtype=bool)):
        with pytest.raises(ValueError, match="one truth value"):
            search(index, unit_rows(1), 2, among)


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
