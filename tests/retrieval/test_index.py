import json
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
import pytest

from harness.errors import InputError
from harness.retrieval import Passage, PassageIndex, Vectors, build_index, load_index, save_index, search

Rows = Callable[..., Vectors]
Corpus = Callable[[int], list[Passage]]


@pytest.fixture
def saved(tmp_path: Path, unit_rows: Rows, corpus: Corpus) -> Path:
    save_index(build_index(corpus(7), unit_rows(7), "hash-of-embedder"), tmp_path)
    return tmp_path


def test_round_trip(saved: Path, unit_rows: Rows, corpus: Corpus) -> None:
    """A loaded index has the passages and gives the hits of the one that was saved."""
    built, loaded = build_index(corpus(7), unit_rows(7), "hash-of-embedder"), load_index(saved, "hash-of-embedder")
    assert (loaded.passages, loaded.settings) == (built.passages, built.settings)
    assert search(loaded, unit_rows(3, seed=1), 5) == search(built, unit_rows(3, seed=1), 5)
    assert loaded.by_id["p0002"].text == "text 2"


def test_same_bytes(tmp_path: Path, saved: Path, unit_rows: Rows, corpus: Corpus) -> None:
    """Building the same index twice writes the same bytes."""
    again = tmp_path / "again"
    again.mkdir()
    save_index(build_index(corpus(7), unit_rows(7), "hash-of-embedder"), again)
    for name in ("index.faiss", "passages.jsonl", "settings.json"):
        assert (again / name).read_bytes() == (saved / name).read_bytes()


def test_hostile_passages(tmp_path: Path, unit_rows: Rows) -> None:
    """Line separators, NULs and lone surrogates in a passage come back as they were."""
    passages = [Passage("a", "x\u2028y\r\n\x00z", "d", "t\x85"), Passage("b", "\ud800", "d")]
    save_index(build_index(passages, unit_rows(2), "h"), tmp_path)
    assert list(load_index(tmp_path, "h").passages) == passages


def test_other_embedder(saved: Path) -> None:
    """An index isn't searched with the vectors of another model."""
    with pytest.raises(InputError, match="vectors of two models"):
        load_index(saved, "hash-of-another")


def test_other_dimension(saved: Path, unit_rows: Rows) -> None:
    """Vectors of another dimension than the settings state are an error at load."""
    other = faiss.IndexFlatIP(8)
    other.add(unit_rows(7, 8))
    faiss.write_index(other, str(saved / "index.faiss"))
    with pytest.raises(InputError, match="'dimension': 8"):
        load_index(saved, "hash-of-embedder")


def test_passages_that_do_not_fit(saved: Path) -> None:
    """A passage file with a line less than the index has rows is an error at load, not a shifted answer."""
    lines = (saved / "passages.jsonl").read_text().splitlines(keepends=True)
    (saved / "passages.jsonl").write_text("".join(lines[1:]))
    with pytest.raises(InputError, match="'passages': 6"):
        load_index(saved, "hash-of-embedder")


@pytest.mark.parametrize(
    "line",
    ["{", '{"id": "a"}', "[1]", json.dumps({"id": 1, "text": "", "document": ""})],
    ids=["torn", "incomplete", "list", "number"],
)
def test_broken_passage(line: str, saved: Path) -> None:
    """A broken passage is told with its file and line."""
    with (saved / "passages.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(InputError, match=r"passages\.jsonl:8: "):
        load_index(saved, "hash-of-embedder")


@pytest.mark.parametrize("name", ["index.faiss", "passages.jsonl", "settings.json"])
@pytest.mark.parametrize("torn", [True, False], ids=["torn", "missing"])
def test_damaged_folder(name: str, torn: bool, saved: Path) -> None:
    """A missing or torn part of an index is one clear message."""
    content = (saved / name).read_bytes()
    (saved / name).unlink()
    if torn:
        (saved / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="Build"):
        load_index(saved, "hash-of-embedder")


def test_empty_corpus(unit_rows: Rows) -> None:
    """A corpus without passages is an error of the user's."""
    with pytest.raises(InputError, match="no passages"):
        build_index([], unit_rows(0), "h")


def test_repeated_ids(unit_rows: Rows) -> None:
    """Two passages with one id are an error that names it."""
    with pytest.raises(InputError, match="'twice'"):
        build_index([Passage("twice", "a", "d"), Passage("twice", "b", "d")], unit_rows(2), "h")


@pytest.mark.parametrize("bad", ["rows", "length", "type"])
def test_rows_that_are_no_unit_vectors(bad: str, unit_rows: Rows, corpus: Corpus) -> None:
    """Rows that aren't one float32 unit vector for each passage are a mistake of the caller's."""
    rows = unit_rows(4)
    vectors = {"rows": rows[:3], "length": rows * 2, "type": rows.astype(np.float64)}[bad]
    with pytest.raises(ValueError, match=r"rows"):
        build_index(corpus(4), vectors, "h")


def test_title_is_searched() -> None:
    """A passage is found by its title too, where it has one."""
    assert Passage("a", "text", "d").searched_text == "text"
    assert Passage("a", "text", "d", "Title").searched_text == "Title\ntext"


def test_passages_by_id_are_all_there(unit_rows: Rows, corpus: Corpus) -> None:
    """Each hit's id leads to its passage."""
    index: PassageIndex = build_index(corpus(5), unit_rows(5), "h")
    assert [index.by_id[hit.passage].id for hit in search(index, unit_rows(1), 5)[0]] == [
        hit.passage for hit in search(index, unit_rows(1), 5)[0]
    ]
