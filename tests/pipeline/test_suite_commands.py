"""`harness suite`: a suite is made, checked and shown by its commands, and the exit codes say what was found."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from harness.commands.suite import suite_app
from harness.errors import HarnessError, InputError


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Runs one of the commands in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> Result:
        result = CliRunner().invoke(suite_app, [str(argument) for argument in arguments])
        if isinstance(result.exception, HarnessError):  # which `harness.cli.main` turns into a message and code 2
            raise result.exception
        return result

    return run


def test_a_suite_is_made_checked_and_shown(run, tiny_base: Path) -> None:
    """What init makes out of documents alone is sound: check ends with 0, or with 1 if warnings are to fail."""
    Path("docs").mkdir()
    for number, ship in enumerate(("Otter", "Heron", "Crane", "Swan", "Lynx", "Newt")):
        text = f"The {ship} was built in {1800 + number} by hand. The {ship} is at home in Port {ship}."
        Path(f"docs/{ship}.txt").write_text(text, encoding="utf-8")
    made = run("init", "ships", "--docs", "docs")
    assert made.exit_code == 0
    assert "weak" in made.output
    checked = run("check", "ships", "--no-embedding", "--model", tiny_base)
    assert checked.exit_code == 0
    assert "made by rule and never checked" in checked.output.replace("\n  ", " ")
    assert run("check", "ships", "--no-embedding", "--strict").exit_code == 1
    shown = run("show", "ships", "--split", "reworded", "--count", "1")
    assert "What belongs into the gap?" in shown.output
    with pytest.raises(InputError, match="isn't overwritten"):
        run("init", "ships", "--docs", "docs")


def test_errors_end_with_code_2(run, suite: Path) -> None:
    """A suite that load_suite refuses can't be compared on."""
    (suite / "train.jsonl").write_text('{"id": "broken"\n', encoding="utf-8")
    checked = run("check", suite)
    assert checked.exit_code == 2
    assert "train.jsonl:1" in checked.output.replace("\n", "").replace(" ", "")


def test_one_case_can_be_shown(run, suite: Path) -> None:
    """A case is found by its id in whichever split it is, and a misspelt one suggests the nearest."""
    assert "picked: picked-Heron" in run("show", suite, "--case", "picked-Heron").output
    with pytest.raises(InputError, match="Did you mean 'picked-Heron'"):
        run("show", suite, "--case", "picked-Hern")
    with pytest.raises(InputError, match="Did you mean 'asked'"):
        run("show", suite, "--split", "aksed")


def test_shipped_suites_are_listed(run) -> None:
    """Each comes with what it holds."""
    assert "pocket" in run("list").output


@pytest.mark.parametrize("pair", ["question", "qeustion=text"])
def test_columns_are_pairs(run, tmp_path: Path, pair: str) -> None:
    """--column is FIELD=COLUMN of a known field."""
    Path("docs").mkdir()
    Path("docs/a.txt").write_text("The Swan is led by Moss.", encoding="utf-8")
    Path("qa.csv").write_text("text,answer\nWhat?,salt\n", encoding="utf-8")
    with pytest.raises(InputError, match="question"):
        run("init", "ships", "--docs", "docs", "--qa", "qa.csv", "--column", pair)
