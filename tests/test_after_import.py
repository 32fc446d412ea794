"""What runs as soon as a library has been imported."""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness._after_import import after_import

Library = Callable[[str], None]


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    """Writes a library called `newcomer` with the given source, which can be imported."""
    finders = list(sys.meta_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(source: str) -> None:
        (tmp_path / "newcomer.py").write_text(source, encoding="utf-8")
        importlib.invalidate_caches()

    yield write
    sys.modules.pop("newcomer", None)
    sys.meta_path[:] = finders


def test_the_action_runs_once_right_after_the_import(library: Library) -> None:
    """It finds the library complete, runs once, and leaves nothing behind."""
    library("NAME = 'whole'")
    finders, seen = list(sys.meta_path), []
    after_import("newcomer", lambda: seen.append(sys.modules["newcomer"].NAME))
    assert seen == []
    importlib.import_module("newcomer")
    assert seen == ["whole"]
    assert sys.meta_path == finders
    importlib.reload(sys.modules["newcomer"])
    assert seen == ["whole"]


def test_the_action_runs_at_once_if_the_library_is_loaded(library: Library) -> None:
    """Nothing is put in the way of later imports then."""
    library("")
    importlib.import_module("newcomer")
    finders, seen = list(sys.meta_path), []
    after_import("newcomer", lambda: seen.append(1))
    assert seen == [1]
    assert sys.meta_path == finders


def test_asking_for_the_library_runs_nothing(library: Library) -> None:
    """Whoever only asks whether the library is there neither runs the action nor uses it up."""
    library("")
    seen: list[int] = []
    after_import("newcomer", lambda: seen.append(1))
    assert importlib.util.find_spec("newcomer")
    assert importlib.util.find_spec("another_library") is None
    assert seen == []
    importlib.import_module("newcomer")
    assert seen == [1]


def test_an_import_that_fails_is_told_and_the_next_one_counts(library: Library) -> None:
    """The library's own error passes through; the action waits for an import that works."""
    library("1 / 0")
    seen: list[int] = []
    after_import("newcomer", lambda: seen.append(1))
    with pytest.raises(ZeroDivisionError):
        importlib.import_module("newcomer")
    assert seen == []
    library("MENDED = True")
    importlib.import_module("newcomer")
    assert seen == [1]


def test_a_library_that_is_not_there_stays_absent() -> None:
    """The import error is the usual one."""
    finders = list(sys.meta_path)
    after_import("no_such_library", lambda: None)
    try:
        with pytest.raises(ModuleNotFoundError, match="No module named 'no_such_library'"):
            importlib.import_module("no_such_library")
    finally:
        sys.meta_path[:] = finders
