"""How commands end when their surroundings do: interrupted as they begin, or with a reader that has gone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import harness.__main__ as entry


def test_ctrl_c_while_the_command_line_is_loaded_says_nothing(monkeypatch, capsys):
    """No traceback before there is a command, and the code that shells give for it."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("harness.cli.main", interrupted)
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == 130
    assert capsys.readouterr().err == ""


def test_a_reader_that_goes_away_is_no_result(tmp_path: Path):
    """`harness … | true` ends as a broken pipe, which no pipeline takes for a regression."""
    here, there = os.pipe()
    os.close(here)
    done = subprocess.run(
        [sys.executable, "-m", "harness", "cache", "list"],
        stdout=there,
        stderr=subprocess.PIPE,
        env={**os.environ, "HARNESS_CACHE": str(tmp_path)},
        check=False,
    )
    os.close(there)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("command", [["compare", "pocket"], ["report", "run"]], ids=["compare", "report"])
def test_an_empty_place_to_log_is_a_mistake(monkeypatch, capsys, command):
    """What an unset variable of the shell leaves is told, before anything is done."""
    monkeypatch.setattr("sys.argv", ["harness", *command, "--mlflow", " "])
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert (ended.value.code, "--mlflow is empty" in capsys.readouterr().err) == (2, True)


@pytest.mark.parametrize("command", [["compare", "pocket"], ["report", "run"]], ids=["compare", "report"])
def test_a_place_to_log_that_cannot_be_written_is_told_first(monkeypatch, capsys, tmp_path, command):
    """Neither a run nor minutes of attempts come before the message."""
    pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    monkeypatch.setattr("sys.argv", ["harness", *command, "--mlflow", "sqlite:///file/mlflow.db"])
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert (ended.value.code, "file is no folder" in capsys.readouterr().err) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
