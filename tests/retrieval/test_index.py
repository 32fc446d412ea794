import json
import sys
from collections.abc import Callable
from pathlib import Path

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
    for name in ("vectors.npy", "passages.jsonl", "settings.json"):
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
    np.save(saved / "vectors.npy", unit_rows(7, 8))
    with pytest.raises(InputError, match=r"\(7, 8\).* state \(7, 16\)"):
        load_index(saved, "hash-of-embedder")


def test_passages_that_do_not_fit(saved: Path) -> None:
    """A passage file with a line less than the index has rows is an error at load, not a shifted answer."""
    lines = (saved / "passages.jsonl").read_text().splitlines(keepends=True)
    (saved / "passages.jsonl").write_text("".join(lines[1:]))
    with pytest.raises(InputError, match=r"'passages': \(6, 16\)"):
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


@pytest.mark.parametrize("name", ["vectors.npy", "index.faiss", "passages.jsonl", "settings.json"])
@pytest.mark.parametrize("torn", [True, False], ids=["torn", "missing"])
def test_damaged_folder(name: str, torn: bool, tmp_path: Path, unit_rows: Rows, corpus: Corpus) -> None:
    """A missing or torn part of an index is one clear message."""
    save_index(build_index(corpus(7), unit_rows(7), "hash-of-embedder", "HNSW8"), tmp_path)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).unlink()
    if torn:
        (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="Build"):
        load_index(tmp_path, "hash-of-embedder")


@pytest.mark.parametrize("order", ["F", "double", "pickled"])
def test_foreign_vectors(order: str, saved: Path, unit_rows: Rows) -> None:
    """Vectors in another layout or type, or that would have to be unpickled, are an error at load."""
    rows = unit_rows(7)
    foreign = {"F": np.asfortranarray(rows), "double": rows.astype(np.float64), "pickled": rows.astype(object)}
    np.save(saved / "vectors.npy", foreign[order], allow_pickle=True)
    with pytest.raises(InputError, match="Build"):
        load_index(saved, "hash-of-embedder")


def test_structure_of_another_index(tmp_path: Path, unit_rows: Rows, corpus: Corpus) -> None:
    """A structure over other rows than the vectors is an error at load, not hits that are others."""
    other = tmp_path / "other"
    other.mkdir()
    for count, folder in ((7, tmp_path), (8, other)):
        save_index(build_index(corpus(count), unit_rows(count), "h", "HNSW8"), folder)
    (other / "index.faiss").replace(tmp_path / "index.faiss")
    with pytest.raises(InputError, match=r"'structure': \(8, 16\)"):
        load_index(tmp_path, "h")


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux says what is mapped into a process")
@pytest.mark.parametrize("structure", ["Flat", "HNSW16", "IVF16,Flat", "IVF16,SQ8"])
def test_loading_maps(structure: str, tmp_path: Path, unit_rows: Rows, corpus: Corpus) -> None:
    """What is large is mapped into memory and not read: pages of it come from the file."""
    built = build_index(corpus(20_000), unit_rows(20_000, 64), "h", structure)
    save_index(built, tmp_path)
    search(built, unit_rows(5, 64, seed=1), 3)  # what searching imports is no part of what loading takes
    files = {"vectors.npy"} if structure == "Flat" else {"vectors.npy", "index.faiss"}
    before = private_memory()
    loaded = load_index(tmp_path, "h")
    assert mapped(tmp_path) == files
    search(loaded, unit_rows(5, 64, seed=1), 3)
    size = sum((tmp_path / name).stat().st_size for name in files)
    passages = sum(sys.getsizeof(p) + 3 * sys.getsizeof(p.text) for p in loaded.passages)
    assert size > 5e6
    assert private_memory() - before < size / 2 + 2 * passages
    assert mapped(tmp_path) == files


def mapped(folder: Path) -> set[str]:
    """The files of the folder that are mapped into this process."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return {Path(line.split()[-1]).name for line in lines if str(folder) in line}


def private_memory() -> int:
    """Bytes of this process that aren't pages of a file."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1_024


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
