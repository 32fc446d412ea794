from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
import pytest

from harness.errors import InputError
from harness.retrieval import Passage, Vectors, build_index, load_index, save_index, search
from harness.retrieval.structures import described

Rows = Callable[..., Vectors]
Corpus = Callable[[int], list[Passage]]
STRUCTURES = (
    *("HNSW16", "IVF16,Flat", "IVF16,PQ4x4", "IVF16,SQ8", "HNSW16_SQ8", "SQ8", "PCA8,Flat", "PCA8,HNSW16"),
    *("IVF16_HNSW8,Flat", "IVF16,PQ4x4fs", "PQ4x4", "NSG16", "IVF16,PQ4x4,RFlat"),
)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_scores_are_exact(structure: str, tmp_path: Path, unit_rows: Rows, corpus: Corpus) -> None:
    """Whatever a structure keeps of the vectors, hits are scored by the vectors; saved and loaded it finds the same."""
    passages, rows, queries = corpus(1_000), unit_rows(1_000), unit_rows(30, seed=1)
    built = build_index(passages, rows, "h", structure)
    save_index(built, tmp_path)
    hits = search(load_index(tmp_path, "h"), queries, 5)
    assert hits == search(built, queries, 5)
    flat = build_index(passages, rows, "h", "Flat")
    exact = [{hit.passage: hit.score for hit in found} for found in search(flat, queries, 1_000)]
    for found, scores in zip(hits, exact, strict=True):
        assert found == sorted(found, key=lambda hit: (-hit.score, hit.passage))
        assert len(found) == 5
        assert all(hit.score == scores[hit.passage] for hit in found)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_same_rows_same_structure(structure: str, tmp_path: Path, unit_rows: Rows, corpus: Corpus) -> None:
    """Training and building are deterministic: the same bytes are saved, with as many threads as there are."""
    contents = []
    for _ in range(2):
        save_index(build_index(corpus(1_000), unit_rows(1_000), "h", structure), tmp_path)
        contents.append((tmp_path / "index.faiss").read_bytes())
    assert contents[0] == contents[1]


@pytest.mark.parametrize("structure", ["HNSW32", "IVF32,Flat", "IVF32,PQ8x4"])
def test_most_is_found(structure: str, unit_rows: Rows, corpus: Corpus) -> None:
    """With the effort that is set, nine in ten of the exact hits are found where vectors lie in clusters."""
    centres, noise = unit_rows(60, 32, seed=2), unit_rows(4_000, 32)
    rows = centres[np.arange(4_000) % 60] + 0.5 * noise
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    queries = rows[:50] + 0.1 * unit_rows(50, 32, seed=3)
    exact, found = (search(build_index(corpus(4_000), rows, "h", name), queries, 10) for name in ("Flat", structure))
    both = [len({*ours} & {*theirs}) for ours, theirs in zip(found, exact, strict=True)]
    assert sum(both) > 0.9 * 500


@pytest.mark.parametrize("structure", ["HNSW16", "IVF16,Flat", "IVF16,PQ4x4"])
def test_batching_of_queries_does_not_matter(structure: str, unit_rows: Rows, corpus: Corpus) -> None:
    """A query gets the same hits to the bit, alone or among others."""
    index, queries = build_index(corpus(1_000), unit_rows(1_000), "h", structure), unit_rows(50, seed=1)
    assert search(index, queries, 5) == [search(index, queries[i : i + 1], 5)[0] for i in range(50)]


@pytest.mark.parametrize("structure", ["HNSW16", "IVF16,Flat", "IVF16,PQ4x4"])
@pytest.mark.parametrize("k", [300, 999, 2_000])
def test_as_many_as_asked_for(structure: str, k: int, unit_rows: Rows, corpus: Corpus) -> None:
    """There are K hits where there are K passages, though the lists that are looked into hold fewer."""
    index = build_index(corpus(1_000), unit_rows(1_000), "h", structure)
    assert {len({*hits}) for hits in search(index, unit_rows(5, seed=1), k)} == {min(k, 1_000)}


def test_effort_is_recorded(tmp_path: Path, unit_rows: Rows, corpus: Corpus) -> None:
    """How hard a structure looks is among its settings, and is what FAISS does after loading."""
    for structure, effort in (("IVF16,Flat", {"nprobe": 2}), ("HNSW16", {"efSearch": 128}), ("Flat", {})):
        save_index(build_index(corpus(700), unit_rows(700), "h", structure), tmp_path)
        loaded = load_index(tmp_path, "h")
        assert (loaded.settings.structure, loaded.settings.effort) == (structure, effort)


@pytest.mark.parametrize(("structure", "effort"), [("PCA8,IVF64_HNSW8,Flat", 8), ("PCA8,HNSW8", 128)])
def test_effort_is_taken(structure: str, effort: int, tmp_path: Path, unit_rows: Rows, corpus: Corpus) -> None:
    """FAISS really looks as hard as the settings say, also where something comes before lists or graph."""
    save_index(build_index(corpus(4_000), unit_rows(4_000), "h", structure), tmp_path)
    loaded = load_index(tmp_path, "h")
    inner = faiss.downcast_index(loaded.structure.index)
    assert (inner.nprobe if "IVF" in structure else inner.hnsw.efSearch) == effort


@pytest.mark.parametrize(
    ("structure", "told"),
    [
        ("Bogus", "could not parse index string Bogus"),
        ("", "could not parse"),
        ("((((", "unbalanced parentheses"),
        ("PQ7x4", "multiple of the number of subquantizers"),
        ("IDMap,Flat", "add does not make sense"),
        ("LSH", "METRIC_L2"),
        ("IVF99999999999,Flat", "trained on at least"),
        ("IVF64,Flat", "trained on at least 2,496 passages and there are 700"),
        ("IVF2k,Flat", "trained on at least 79,872 passages"),
        ("PQ8", "trained on at least 9,984 passages"),
    ],
)
def test_structure_that_cannot_be_built(structure: str, told: str, unit_rows: Rows, corpus: Corpus) -> None:
    """A description that means nothing, doesn't fit or wants more passages is one message that says what does."""
    with pytest.raises(InputError, match=told) as error:
        build_index(corpus(700), unit_rows(700), "h", structure)
    assert "Flat" in str(error.value)


@pytest.mark.parametrize(("rows", "structure"), [(1, "Flat"), (1_000_000, "Flat"), (1_000_001, "HNSW32")])
def test_auto_goes_by_size(rows: int, structure: str) -> None:
    """All rows are looked at up to a million of them; what is asked for by name is taken as it is."""
    assert described("auto", rows) == structure
    assert described("IVF256,Flat", rows) == "IVF256,Flat"
