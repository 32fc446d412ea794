"""Where MLflow couldn't write is told at once, from the disk alone."""

import os
import sqlite3

import pytest

from harness.errors import InputError
from harness.reporting.mlflow_place import check_place


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder with a file, a database, an empty one, and a folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("no database")
    (tmp_path / "empty.db").touch()
    (tmp_path / "folder").mkdir()
    with sqlite3.connect(tmp_path / "old.db") as database:
        database.execute("create table runs (name text)")
    return tmp_path


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("sqlite:///", "names no file"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite://mlflow.db", "names a host"),
        ("sqlite:///folder", "is a folder and no database"),
        ("sqlite:///notes.txt", "holds something else than an SQLite database"),
        ("sqlite:///notes.txt/mlflow.db?timeout=1", "notes.txt is no folder"),
        ("file:notes.txt", "notes.txt is no folder"),
        ("notes.txt/mlruns", "notes.txt is no folder"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused(uri, told):
    """The message names the address, what is wrong, and what would do."""
    with pytest.raises(InputError, match=rf"--mlflow .*{told}.* Give a database that can be written"):
        check_place(uri)


@pytest.mark.parametrize("uri", ["sqlite:///folder/new.db", "sqlite:///old.db", "file:folder", "folder/new", "."])
def test_what_may_not_be_written_is_refused(uri, monkeypatch):
    """A folder or file without the right to write; the tests may be run by root, who has it everywhere."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match="can't be written"):
        check_place(uri)


@pytest.mark.parametrize(
    "uri",
    [
        *("sqlite:///new.db", "sqlite:///old.db", "sqlite:///empty.db", "sqlite:///to/be/made/new.db?timeout=1"),
        *("sqlite+pysqlite:///new.db", "sqlite:///file:new.db?uri=true", "file:folder", "file:./mlruns", "mlruns"),
        *("http://localhost:5000", "https://user:word@host/", "databricks", "postgresql://host/base"),
    ],
)
def test_what_can_be_written_and_every_server_passes(place, uri):
    """Nothing is made on the way."""
    before = sorted(place.rglob("*"))
    check_place(uri if uri != "databricks" else "databricks://profile")
    assert sorted(place.rglob("*")) == before


def test_absolute_paths_are_those_of_the_address(place):
    """Four slashes before an absolute path of a database, one or three before that of a folder."""
    for uri in (f"sqlite:///{place}/new.db", f"file:{place}", f"file://{place}"):
        check_place(uri)
    with pytest.raises(InputError, match="is a folder"):
        check_place(f"sqlite:///{place}/folder")
