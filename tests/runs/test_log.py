"""The log of a run: whole lines that are added to, whatever happened before, and never a secret."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.runs import LOG, RunLog, read_log


def test_a_second_command_adds_to_the_log(tmp_path):
    """What an earlier command wrote stays."""
    for number in range(2):
        log = RunLog(tmp_path)
        log.write({"event": "begin", "number": number})
        log.close()
    assert [line["number"] for line in read_log(tmp_path)] == [0, 1]


def test_a_torn_line_is_stepped_over(tmp_path):
    """After a kill inside a write the next line is whole, and readers leave the torn one out."""
    (tmp_path / LOG).write_text('{"event": "begin"}\n{"event": "ta', encoding="ascii")
    assert [line["event"] for line in read_log(tmp_path)] == ["begin"]
    RunLog(tmp_path).write({"event": "again"})
    assert [line["event"] for line in read_log(tmp_path)] == ["begin", "again"]


def test_a_killed_process_leaves_whole_lines(tmp_path):
    """Each line is there as soon as it was written: a process that dies without closing loses none."""
    code = (
        "import os, sys; from pathlib import Path; from harness.runs import RunLog\n"
        "log = RunLog(Path(sys.argv[1]))\n"
        "for number in range(3): log.write({'number': number})\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    assert [line["number"] for line in read_log(tmp_path)] == [0, 1, 2]


def test_lines_of_many_writers_do_not_mix(tmp_path):
    """Several threads, over several handles as processes have them, write whole lines."""
    logs = [RunLog(tmp_path) for _ in range(4)]
    logs[0].write({"number": -1})

    def write(number: int) -> None:
        logs[number % 4].write({"number": number, "padding": "x" * 5000})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(200)))
    lines = (tmp_path / LOG).read_text(encoding="ascii").splitlines()
    assert sorted(json.loads(line)["number"] for line in lines) == list(range(-1, 200))


def test_no_secret_is_written(tmp_path, monkeypatch):
    """Secrets are hidden in every field, however deep, before they reach the disk."""
    monkeypatch.setenv("OPENAI_API_KEY", "correct-horse")
    RunLog(tmp_path).write({"message": "asked with correct-horse", "config": {"headers": ["Bearer abcdefghijk"]}})
    text = (tmp_path / LOG).read_text(encoding="ascii")
    assert "horse" not in text
    assert "abcdefghijk" not in text
    assert json.loads(text)["message"] == "asked with ***"


def test_hostile_text_stays_on_its_line(tmp_path):
    """Line breaks, control characters and lone surrogates are escaped, so that a line is a line in every terminal."""
    RunLog(tmp_path).write({"message": "a\nb\x1b[2J\u2028\ud800"})
    assert (tmp_path / LOG).read_bytes().count(b"\n") == 1
    assert [line["message"] for line in read_log(tmp_path)] == ["a\nb\x1b[2J\u2028\ud800"]


def test_a_log_that_cannot_be_written_is_told_once(tmp_path, caplog):
    """The run goes on without its log, and says so one time."""
    log = RunLog(tmp_path / "nowhere")
    log.write({"number": 1})
    log.write({"number": 2})
    assert len(caplog.records) == 1
    assert str(tmp_path / "nowhere") in caplog.text


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a device without room")
def test_a_full_disk_does_not_end_the_run(tmp_path, caplog):
    """Where there is no room for the log, it is given up."""
    os.symlink("/dev/full", tmp_path / LOG)
    RunLog(tmp_path).write({"number": 1})
    assert "No space left" in caplog.text


def test_a_run_without_a_log_has_no_lines(tmp_path):
    """Reading asks for no file: runs of older versions have none."""
    assert list(read_log(tmp_path)) == []
