from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from harness.errors import InputError, UnknownNameError
from harness.suite import load_suite, locate_suite, suite_names

WriteSuite = Callable[..., Path]
CASE = {"id": "c1", "question": "q?", "references": ["salt"]}


def message(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_suite(str(folder))
    return str(caught.value)


def test_valid_suite(write_suite: WriteSuite) -> None:
    """A valid suite gives its splits with their kinds, its cases and its documents."""
    suite = load_suite(str(write_suite()))
    assert (suite.name, [split.name for split in suite.tests]) == ("small", ["test"])
    assert [case.id for case in suite.train] == ["t1"]
    assert suite.splits["test"].cases[0].references == ("salt",)
    assert [document.text for document in suite.corpus(None)] == ["The Swan carries salt."]


def test_byte_order_mark(write_suite: WriteSuite) -> None:
    """A byte order mark, as Windows editors write it, is no part of the first line."""
    folder = write_suite(test='\ufeff{"id": "c1", "question": "q?", "references": ["salt"]}\n')
    assert load_suite(str(folder)).splits["test"].cases[0].id == "c1"


def test_hash_covers_every_file(write_suite: WriteSuite) -> None:
    """One byte more in any file of the suite changes its hash; nothing changed leaves it as it was."""
    folder = write_suite()
    hashes = {load_suite(str(folder)).hash, load_suite(str(folder)).hash}
    assert len(hashes) == 1
    for path in sorted(folder.iterdir()):
        path.write_bytes(path.read_bytes() + b"\n")
        hashes.add(load_suite(str(folder)).hash)
    assert len(hashes) == 1 + 4


def test_hash_does_not_cover_the_place(write_suite: WriteSuite, tmp_path: Path) -> None:
    """The same files in another folder have the same hash."""
    folder = write_suite()
    before = load_suite(str(folder)).hash
    assert load_suite(str(folder.rename(tmp_path / "elsewhere"))).hash == before


def test_unknown_suite() -> None:
    """An unknown name suggests the nearest one and lists what there is."""
    with pytest.raises(UnknownNameError, match=r"unknown suite 'pockt'\. Did you mean 'pocket'\? Known: .*triage"):
        locate_suite("pockt")
    assert {"pocket", "triage"} <= set(suite_names())


@pytest.mark.parametrize("name", ["no/such/folder", "x" * 5000, "a\0b", ""])
def test_odd_names(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that no folder can have is an InputError like any other."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError):
        locate_suite(name)


def test_folder_without_manifest(tmp_path: Path) -> None:
    """A folder without suite.yaml is told apart from a name that doesn't exist."""
    with pytest.raises(InputError, match=r"has no suite\.yaml"):
        locate_suite(str(tmp_path))


def test_unknown_keys(write_suite: WriteSuite) -> None:
    """All unknown keys are told at once, each with its place and the nearest known key there."""
    told = message(
        write_suite(
            "nme: x\nname: x\nprompt: {questoin: y}\nsplits: {kind: {kind: train, file: train.jsonl, asof: 2026-01-01}}"
        )
    )
    assert "suite.yaml: unknown key 'nme' (did you mean 'name'?)" in told
    assert "unknown key 'prompt.questoin' (did you mean 'question'?); known: instruction, passage, question" in told
    assert (
        "unknown key 'splits.kind.asof' (did you mean 'as_of'?); known: as_of, evidence, file, from, kind, metrics"
        in told
    )


def test_unknown_kind(write_suite: WriteSuite) -> None:
    """An unknown kind of split is told with the value, the known ones and the nearest."""
    told = message(write_suite("name: x\nsplits: {a: {kind: trian, file: train.jsonl}}"))
    assert "splits.a.kind:" in told
    assert "not 'trian' (did you mean 'train'?)" in told


def test_twice_the_same_key(write_suite: WriteSuite) -> None:
    """A split that is named twice is an error with its line: YAML would silently drop the first."""
    told = message(write_suite("name: x\nsplits:\n  a: {kind: train, file: a}\n  a: {kind: train, file: b}\n"))
    assert "suite.yaml:4: not valid YAML (the key 'a' twice)" in told


@pytest.mark.parametrize(
    "manifest",
    [
        "name: [",
        "a: !!python/object/apply:os.getcwd []",
        "- a list",
        "name: x\nsplits: {}",
        "[" * 5000,
        "as_of: 2026-02-30",
    ],
)
def test_broken_manifest(manifest: str, write_suite: WriteSuite) -> None:
    """A manifest that isn't YAML, isn't plain data, or holds no splits is one InputError that names the file."""
    assert "suite.yaml" in message(write_suite(manifest))


@pytest.mark.parametrize("name", ["../../outside", "a/b", ".hidden", "x" * 200, ""])
def test_split_names_are_file_names(name: str, write_suite: WriteSuite) -> None:
    """A split can't be called what would lead out of the run folder, where a file carries its name."""
    told = message(write_suite(f"name: x\nsplits: {{'{name}': {{kind: in-domain, file: test.jsonl}}}}"))
    assert f"splits.{name}: " in told


def test_broken_lines(write_suite: WriteSuite) -> None:
    """Every broken line of every file is told at once, with file and line."""
    half_a_pair = '{"id": "\\ud800", "question": "q", "references": ["x"]}'
    folder = write_suite(
        train='{"id": "t1", "question": "q", "references": ["x"]}\n{"id": \n',
        test='\n[1]\n{"id": "c", "question": "q", "refernces": ["x"]}\n'
        + half_a_pair
        + "\n"
        + "[" * 100_000
        + "\n"
        + "1" * 5000,
        corpus='{"id": "d", "text": 3}\n',
    )
    told = message(folder)
    assert f"{folder / 'train.jsonl'}:2: not valid JSON" in told
    assert "test.jsonl:2: must be a mapping" in told
    assert "test.jsonl:3: references: is missing" in told
    assert "test.jsonl:3: unknown key 'refernces' (did you mean 'references'?)" in told
    assert all(f"test.jsonl:{line}: not valid JSON" in told for line in (4, 5, 6))
    assert "corpus.jsonl:1: text: should be a valid string, not 3" in told


def test_not_utf8(write_suite: WriteSuite) -> None:
    """A file in another encoding is told by its path."""
    folder = write_suite()
    (folder / "test.jsonl").write_bytes(b'{"id": "\xe9"}')
    assert f"{folder / 'test.jsonl'}: can't be read" in message(folder)


def test_many_mistakes_are_cut_off(write_suite: WriteSuite) -> None:
    """After twenty mistakes the rest is counted, not listed."""
    told = message(write_suite(test="broken\n" * 50))
    assert told.count("not valid JSON") == 20
    assert told.endswith("… and 30 more")


def test_missing_files(write_suite: WriteSuite) -> None:
    """All files that the manifest names and that aren't there are told at once."""
    told = message(
        write_suite(
            "name: x\ncorpus: c.jsonl\nsplits: {a: {kind: train, file: a.jsonl}, b: {kind: shifted, file: b.jsonl}}"
        )
    )
    assert all(f"there is no file '{name}.jsonl'" in told for name in "abc")


def test_paths_stay_inside(write_suite: WriteSuite, tmp_path: Path) -> None:
    """A path that leaves the suite's folder, by dots, from the root or by a link, isn't read."""
    (tmp_path / "secret.jsonl").write_text('{"id": "s", "question": "q", "references": ["x"]}\n')
    folder = write_suite()
    (folder / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    for name in ("../secret.jsonl", str(tmp_path / "secret.jsonl"), "link.jsonl"):
        manifest = f"name: x\nsplits: {{a: {{kind: in-domain, file: {name}}}}}"
        assert f"the file '{name}' lies outside the suite" in message(write_suite(manifest))


def test_empty_corpus(write_suite: WriteSuite) -> None:
    """A corpus file without documents is an error, not a suite without retrieval."""
    test = [CASE]
    assert "corpus.jsonl: holds no documents" in message(write_suite(corpus="", test=test))


def test_corpus_revisions(write_suite: WriteSuite) -> None:
    """A revision holds what is valid on its day: from the first day on, and not on the last."""
    folder = write_suite(
        corpus=[
            {"id": "swan", "text": "old", "valid_from": "2026-01-01", "valid_until": "2026-03-01"},
            {"id": "swan", "text": "new", "valid_from": "2026-03-01"},
        ]
    )
    suite = load_suite(str(folder))
    texts = {
        day: [d.text for d in suite.corpus(day)]
        for day in (date(2026, 1, 1), date(2026, 2, 28), date(2026, 3, 1), None)
    }
    assert list(texts.values()) == [["old"], ["old"], ["new"], ["new"]]
    assert suite.corpus(date(2025, 12, 31)) == ()
