"""Sets on the Hugging Face hub, on a cache laid out as the hub's own library lays it out, and without a network."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from harness.errors import InputError
from harness.suite import Suite, load_suite
from harness.suite.sources.hub import split_files

REVISION = "0123456789abcdef0123456789abcdef01234567"
CARD = """---
configs:
- config_name: main
  data_files:
  - split: train
    path: main/train-*
  - split: test
    path: [main/test-*]
- config_name: whole
  default: true
  data_files: all.jsonl
---
# A set
"""


def fill(folder: Path, card: str = CARD) -> None:
    """Writes a set: two files of one split, one of another, and one that is no split's."""
    for name, questions in {"train-0-of-2": "ab", "train-1-of-2": "c", "test-0-of-1": "d"}.items():
        path = folder / "main" / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [{"question": f"{letter}?", "answer": letter} for letter in questions]
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    (folder / "all.jsonl").write_text(json.dumps({"question": "all?", "answer": "all"}) + "\n")
    if card:
        (folder / "README.md").write_text(card)


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Suite]:
    """Loads a suite of one selection of the set `somebody/questions`, which only the hub's cache has."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    stored = tmp_path / "hub" / "datasets--somebody--questions"
    (stored / "refs").mkdir(parents=True)
    (stored / "refs" / "main").write_text(REVISION)
    snapshot = stored / "snapshots" / REVISION
    fill(snapshot)
    for number, path in enumerate([path for path in snapshot.rglob("*") if path.is_file()]):  # links, as the hub's are
        blob = stored / "blobs" / str(number)
        blob.parent.mkdir(exist_ok=True)
        path.symlink_to(path.rename(blob))

    def loaded(selection: str, hub: str = "{id: somebody/questions, config: main}", data: Path | None = None) -> Suite:
        suite = tmp_path / "asked"
        suite.mkdir(exist_ok=True)
        (suite / "suite.yaml").write_text(
            f"name: asked\nsources: {{far: {{path: near, hub: {hub}, case: {{references: answer}}}}}}\n"
            f"splits: {{test: {{kind: in-domain, from: {{source: far, {selection}}}}}}}"
        )
        return load_suite(str(suite), data)

    return loaded


def questions(suite: Suite) -> list[str]:
    return [case.question for case in suite.splits["test"].cases]


def test_split_of_a_set(load: Callable[..., Suite]) -> None:
    """A split is all its files, as the set's card names them; where the set is found is told."""
    suite = load("split: train")
    assert questions(suite) == ["a?", "b?", "c?"]
    assert suite.sources[0].origin == "https://huggingface.co/datasets/somebody/questions"
    assert questions(load("split: test")) == ["d?"]
    assert questions(load("split: train", hub="somebody/questions")) == ["all?"]
    assert questions(load("split: test", hub=f"{{id: somebody/questions, config: main, revision: {REVISION}}}")) == [
        "d?"
    ]


def test_file_of_a_set(load: Callable[..., Suite]) -> None:
    """A single file of a set can be named as well."""
    assert questions(load("file: all.jsonl")) == ["all?"]


def test_local_data_come_first(load: Callable[..., Suite], tmp_path: Path) -> None:
    """A source that is in the folder of data is read there: its file if one is named, or else its split."""
    fill(tmp_path / "data" / "near")
    (tmp_path / "data" / "near" / "mine.csv").write_text("question,answer\nmine?,yes\n")
    assert questions(load("file: mine.csv, split: train", data=tmp_path / "data")) == ["mine?"]
    assert questions(load("split: train", data=tmp_path / "data")) == ["a?", "b?", "c?"]
    assert questions(load("file: mine.csv, split: train")) == ["a?", "b?", "c?"]


def test_no_network(load: Callable[..., Suite]) -> None:
    """A set that can't be fetched is an error that names it and says how its files can be given."""
    with pytest.raises(InputError, match=r"the set 'nobody/has' can't be fetched .* give that with --data"):
        load("split: train", hub="nobody/has")


def test_no_such_split(load: Callable[..., Suite]) -> None:
    """A split that a set doesn't have is told."""
    with pytest.raises(InputError, match="no files of the split 'dev'"):
        load("split: dev")


@pytest.mark.parametrize("card", ["", "# A set\n", "---\n{\n---\n", "---\nconfigs: 3\n---\n"])
def test_sets_without_a_card(tmp_path: Path, card: str) -> None:
    """Without a card that says more, the files of a split are found by their names."""
    fill(tmp_path, card)
    assert split_files(tmp_path, "main", "train") == ["main/train-0-of-2.parquet", "main/train-1-of-2.parquet"]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("../../secret/*", "lies outside that folder"),
        ("/etc/*", "no files of the split"),
        ("**", "no files of the split"),
        ("[", "no files of the split"),
        ("a\\0b", "no files of the split"),
    ],
)
def test_cards_that_reach_out(tmp_path: Path, path: str, told: str) -> None:
    """A card can't make a suite read what lies outside its set."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "train.jsonl").write_text('{"question": "secret?", "answer": "x"}\n')
    card = f'---\nconfigs: [{{config_name: default, data_files: [{{split: train, path: "{path}"}}]}}]\n---\n'
    fill(tmp_path / "data" / "far", card)
    (tmp_path / "suite.yaml").write_text(
        "name: s\nsources: {far: {case: {references: answer}}}\n"
        "splits: {test: {kind: in-domain, from: {source: far, split: train}}}"
    )
    with pytest.raises(InputError, match=told):
        load_suite(str(tmp_path), tmp_path / "data")
