import errno
import json
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness.errors import CacheError, InputError
from harness.runs import RUN_SCHEMA, RunFolder
from harness.runs import storage as storage_module


def test_new_run_is_a_run_at_once(tmp_path: Path) -> None:
    """A run that was only begun can be opened again and gone on with."""
    run = RunFolder(tmp_path / "runs" / "first")
    run.write_lines("scores.jsonl", [{"value": 1}])
    assert RunFolder(run.path).read_lines("scores.jsonl") == [{"value": 1}]
    assert RunFolder.existing(run.path).read_json("run.json") == {"schema": RUN_SCHEMA}


def test_empty_folder_becomes_a_run(tmp_path: Path) -> None:
    """A folder that is empty, or holds only what a killed beginning left, may become a run."""
    (tmp_path / ".run.json.123.part").touch()
    assert RunFolder(tmp_path).read_json("run.json")["schema"] == RUN_SCHEMA


@pytest.mark.parametrize(("name", "content"), [("thesis.tex", "…"), ("run.json", '{"name": "of another tool"}')])
def test_foreign_folder_is_refused(name: str, content: str, tmp_path: Path) -> None:
    """A folder with other things in it is left alone, also if one is called run.json."""
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match="Choose a new or an empty folder"):
        RunFolder(tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, content)]


def test_file_is_no_run(tmp_path: Path) -> None:
    """A path that is a file is refused."""
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="Choose a new or an empty folder"):
        RunFolder(tmp_path / "file")


def test_existing_makes_nothing(tmp_path: Path) -> None:
    """Opening a run to read it, where there is none, is an error and makes no folder."""
    with pytest.raises(InputError, match="is no run"):
        RunFolder.existing(tmp_path / "typo")
    assert not (tmp_path / "typo").exists()


def test_manifest_keeps_its_schema(tmp_path: Path) -> None:
    """The manifest that replaces the first one has its content after the schema."""
    run = RunFolder(tmp_path)
    run.write_manifest({"seed": 3})
    assert list(RunFolder.existing(tmp_path).read_json("run.json").items()) == [("schema", RUN_SCHEMA), ("seed", 3)]


def test_lines_survive_hostile_text(tmp_path: Path) -> None:
    """Line separators, NULs, lone surrogates and other scripts come back as they were, one row a line."""
    rows = [{"raw": "a\u2028b\n\r\x00\x85"}, {"raw": "\ud800"}, {"raw": "雪"}]
    run = RunFolder(tmp_path)
    path = run.write_lines(run.predictions_path("base", "zero-shot", "in_domain"), rows)
    assert run.read_lines(path.relative_to(tmp_path)) == rows
    assert path.read_bytes().count(b"\n") == len(path.read_text().splitlines()) == 3


def test_write_is_all_or_nothing(tmp_path: Path) -> None:
    """Rows that fail halfway leave the file as it was."""
    run = RunFolder(tmp_path)
    run.write_lines("scores.jsonl", [{"value": 1}])
    with pytest.raises(ValueError, match="JSON compliant"):
        run.write_lines("scores.jsonl", [{"value": 2}, {"value": float("nan")}])
    assert run.read_lines("scores.jsonl") == [{"value": 1}]


def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is a CacheError with a remedy, keeps the old file and leaves no part of the new one."""
    run = RunFolder(tmp_path)
    run.write_json("comparison.json", {"old": True})

    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(storage_module.os, "fsync", fail)
    with pytest.raises(CacheError, match=r"comparison\.json can't be stored.*--out"):
        run.write_json("comparison.json", {"old": False})
    assert run.read_json("comparison.json") == {"old": True}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["comparison.json", "run.json"]


def test_predictions_path(tmp_path: Path) -> None:
    """Predictions lie by weights, context and split, under the names that variants have."""
    path = RunFolder(tmp_path).predictions_path("first>full@0.5", "rag-3+few-shot-2", "new_facts")
    assert path == tmp_path / "predictions" / "first>full@0.5" / "rag-3+few-shot-2" / "new_facts.jsonl"


@pytest.mark.parametrize("name", ["", ".", "..", "../up", "a/b", "/etc", "a\\b", "a\0b"])
def test_names_that_escape(name: str, tmp_path: Path) -> None:
    """A name that would lead out of its folder is refused in each of the three places."""
    run = RunFolder(tmp_path)
    for names in ((name, "c", "s"), ("w", name, "s"), ("w", "c", name)):
        with pytest.raises(InputError, match="can't be part of a path"):
            run.predictions_path(*names)


def test_link_out_of_the_run(tmp_path: Path) -> None:
    """A symbolic link inside the run doesn't let a file be written outside of it."""
    run = RunFolder(tmp_path / "run")
    (tmp_path / "outside").mkdir()
    (run.path / "predictions").symlink_to(tmp_path / "outside")
    with pytest.raises(InputError, match="outside the run"):
        run.predictions_path("base", "zero-shot", "in_domain")
    with pytest.raises(InputError, match="outside the run"):
        run.write_json("../elsewhere.json", {})


def test_broken_line_is_named(tmp_path: Path) -> None:
    """A broken line is told with its file and number."""
    run = RunFolder(tmp_path)
    (tmp_path / "scores.jsonl").write_text(json.dumps({"a": 1}) + "\n{broken\n")
    with pytest.raises(InputError, match=r"scores\.jsonl:2: not valid JSON"):
        run.read_lines("scores.jsonl")
    with pytest.raises(InputError, match=r"missing\.json: can't be read"):
        run.read_json("missing.json")


@pytest.fixture
def finished(tmp_path: Path) -> RunFolder:
    """A run of two records, and a report that came later."""
    run = RunFolder(tmp_path / "run")
    records = [
        run.write_lines("scores.jsonl", [{"value": 1}]),
        run.write_text(Path("retrieval", "rag-3.run"), "q 0 d 1"),
    ]
    run.finish({"seed": 3}, records)
    run.write_text("report.md", "later")
    return run


def test_a_finished_run_is_as_it_was_written(finished: RunFolder) -> None:
    """Untouched records pass, whatever was added beside them; so does what was moved away, until it is needed."""
    finished.verify()
    (finished.path / "report.md").write_text("later still")
    (finished.path / "scores.jsonl").unlink()
    RunFolder.existing(finished.path).verify()
    with pytest.raises(InputError, match=r"scores.jsonl: is missing"):
        finished.verify(["scores.jsonl"])
    finished.write_text("cases.jsonl", "{}")
    with pytest.raises(InputError, match=r"cases.jsonl: was added after"):
        finished.verify(["cases.jsonl"])


@pytest.mark.parametrize("name", ["scores.jsonl", "retrieval/rag-3.run", "run.json"])
def test_a_flipped_byte_anywhere_is_noticed(finished: RunFolder, name: str) -> None:
    """Any byte of any record, of the manifest too: the error names the file and the remedy, and a rerun mends it."""
    path = finished.path / name
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(InputError, match=rf"{name}: [^\0]*[Rr]epeat the"):
            RunFolder.existing(finished.path).verify()
    again = RunFolder(finished.path)
    records = [
        again.write_lines("scores.jsonl", [{"value": 1}]),
        again.write_text(Path("retrieval", "rag-3.run"), "q 0 d 1"),
    ]
    again.finish({"seed": 3}, records)
    again.verify()
    assert path.read_bytes() == whole


def test_an_unfinished_run_vouches_for_nothing(tmp_path: Path) -> None:
    """A run that was begun and never finished is told as such."""
    with pytest.raises(InputError, match=r"was not finished, or was made by an earlier version"):
        RunFolder(tmp_path).verify()


def test_two_commands_write_one_after_the_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The second says that it waits, and writes when the first has written all; nothing is left of the lock."""
    run, order = RunFolder(tmp_path), []

    def second() -> None:
        with RunFolder(tmp_path).writing():
            order.append("second")

    class Waits(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.set()

    told, thread, handler = threading.Event(), threading.Thread(target=second), Waits()
    caplog.set_level(logging.INFO, logger="harness")
    logging.getLogger("harness.runs.locks").addHandler(handler)
    try:
        with run.writing():
            thread.start()
            assert told.wait(30)
            order.append("first")
        thread.join()
    finally:
        logging.getLogger("harness.runs.locks").removeHandler(handler)
    assert order == ["first", "second"]
    assert "another process is writing this; waiting for it" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_finishing_clears_what_killed_writers_left(tmp_path: Path) -> None:
    """Half-written files of dead processes go; those of living ones stay."""
    run = RunFolder(tmp_path)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for owner in (gone.pid, os.getpid()):
        (tmp_path / f".scores.jsonl.{owner}.part").touch()
    run.finish({}, [])
    assert [path.name for path in tmp_path.glob(".*")] == [f".scores.jsonl.{os.getpid()}.part"]
