"""`harness report` as people call it."""

import os
import signal
import subprocess
import sys

import pytest

from harness.commands.report import report
from harness.comparison import write_cases, write_comparison, write_rows
from harness.errors import InputError


@pytest.fixture
def run(world, tmp_path):
    """The folder of a run with two variants."""
    rows = world.rows({"base/zero-shot": {"in_domain": world.hits(20)}, "base/rag-3": {"in_domain": world.hits(80)}})
    write_rows(rows, tmp_path)
    write_comparison(world.compare(rows), tmp_path)
    write_cases([], tmp_path)
    return world.seal(tmp_path)


def test_both_reports_are_written(run):
    """Page and Markdown lie in the run, under the requirements that were stated."""
    report([run], require=["in_domain >= 0.5"])
    for name in ("report.html", "report.md"):
        assert "met" in (run / name).read_text()


def test_a_broken_file_leaves_both_reports_as_they_were(run, world):
    """Where the page can't be made, the Markdown isn't either, so that the two never tell different verdicts."""
    report([run])
    before = [(run / name).read_bytes() for name in ("report.html", "report.md")]
    (run / "passages.jsonl").write_text("{")
    world.seal(run)
    with pytest.raises(InputError, match=r"passages.jsonl:1"):
        report([run], require=["in_domain >= 0.5"])
    assert [(run / name).read_bytes() for name in ("report.html", "report.md")] == before


@pytest.mark.parametrize("other", [{"require": ["in_domain >= 0.5"]}, {"terminal": True}])
def test_two_runs_take_no_requirements(run, other):
    """What --compare would ignore is bad input."""
    with pytest.raises(InputError, match="takes no other option"):
        report([run, run], compare=True, **other)


def test_two_runs_are_written_as_markdown_where_it_is_asked_for(run, tmp_path):
    """--out takes what --compare shows, and is refused for the report on one run, which lies in its folder."""
    report([run, run], compare=True, out=tmp_path / "two.md")
    assert "base/rag-3" in (tmp_path / "two.md").read_text()
    with pytest.raises(InputError, match="add --compare"):
        report([run], out=tmp_path / "one.md")


SLOW = """
import sys, time
from harness import reporting
from harness.runs import storage
from harness.cli import main

def waiting(run, comparison=None):
    print("begun", flush=True)
    time.sleep(1000)

def stuck(path):
    import ctypes
    mutex = ctypes.create_string_buffer(256)
    print("begun", flush=True)
    for _ in range(2):  # whoever locks it twice waits for ever, and no signal handler of Python's runs meanwhile
        ctypes.CDLL(None).pthread_mutex_lock(mutex)

if "drawing" in sys.argv[1]:
    reporting.write_report = waiting
else:
    storage.os.fsync = stuck
sys.argv = ["harness", *sys.argv[2:]]
main()
"""


@pytest.mark.parametrize("place", ["drawing", "writing"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"])
def test_ctrl_c_ends_it_soon_and_leaves_whole_files(run, place, number, code):
    """In Python as in native code that hangs: the code of the signal, the command named, no report but whole ones."""
    report([run])
    before = {name: (run / name).read_bytes() for name in ("report.html", "report.md")}
    command = ["report", str(run), "--require", "in_domain >= 0.5"]
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, place, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while process.stdout.readline() != "begun\n":
        assert process.poll() is None
    os.kill(process.pid, number)
    _, told = process.communicate(timeout=60)
    assert process.returncode == code
    assert f"harness report {run} --require 'in_domain >= 0.5'" in told
    assert "Traceback" not in told
    assert (run / "report.md").read_bytes() == before["report.md"]
    written = (run / "report.html").read_bytes()
    assert written == before["report.html"] if place == "writing" else written.rstrip().endswith(b"</html>")
    report([run])
    assert {name: (run / name).read_bytes() for name in before} == before
    assert not list(run.glob(".*.part"))
