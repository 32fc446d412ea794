"""What a whole run leaves of how it went: its log, where the time went, and nothing that its result depends on."""

import os
from pathlib import Path

import pytest

from harness.runs import read_log

SECRET = "correct-horse-battery"


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    """A key in the environment, as users have them."""
    monkeypatch.setenv("SOME_API_KEY", SECRET)


@pytest.fixture
def options(suite, tiny_base):
    """The shortest comparison that retrieves."""
    return ("compare", suite, "--model", tiny_base, "--weights", "base", "--contexts", "rag-1", "--out", "run")


def test_a_run_and_its_repetition_are_one_log(harness, options):
    """The first run builds, the second reuses; both end with where the time went, which is shown too."""
    code, shown, told = harness(*options)
    assert code == 0
    assert "Time: " in shown
    assert "retrieval" in shown.partition("Time: ")[2]
    assert "DEBUG" not in told
    before = Path("run/comparison.json").read_bytes()
    code, _, told = harness(*options, "--verbose")
    assert code == 0
    assert "DEBUG" in told
    assert "reused" in told
    assert Path("run/comparison.json").read_bytes() == before
    lines = list(read_log(Path("run")))
    assert [line["event"] for line in lines if line["event"] in ("begin", "end")] == ["begin", "end"] * 2
    runs = [line for line in lines if line["event"] == "end"]
    built, reused = ([sum(stage[made] for stage in run["stages"]) for run in runs] for made in ("built", "reused"))
    assert (built[0], reused[0]) == (reused[1], 0)
    assert built[1] == 0
    for run in runs:
        assert sum(stage["seconds"] for stage in run["stages"]) == pytest.approx(run["seconds"])
    artifacts = {(line["kind"], line["artifact"]) for line in lines if line["event"] == "artifact"}
    assert all((Path(os.environ["HARNESS_CACHE"]) / kind / key).is_dir() for kind, key in artifacts)


def test_no_secret_gets_into_the_log(harness, options):
    """A secret that stands even on the command line is hidden in the log, and where it is shown as it comes."""
    _, shown, told = harness(*options, "--trust-metric", SECRET, "--verbose")
    assert SECRET not in shown + told
    assert "--trust-metric ***" in told.replace("\n", " ").replace("  ", "")
    assert SECRET.encode() not in Path("run/log.jsonl").read_bytes()


def test_mlflow_away_loses_nothing(harness, options, monkeypatch):
    """The run is written and its exit code 0; a warning says how to log it later, and that works."""
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    code, shown, told = harness(*options, "--mlflow", "http://127.0.0.1:9")
    assert code == 0
    assert "Run folder: run" in shown
    assert "harness report" in told
    assert Path("run/report.html").is_file()
    code, shown, _ = harness("report", "run", "--mlflow", "file:./store")
    assert code == 0
    assert "MLflow run: " in shown


def test_a_missing_extra_is_told_before_the_run(harness, options, monkeypatch):
    """Nothing is computed for an MLflow that isn't installed."""
    monkeypatch.setattr("harness.reporting.mlflow.find_spec", lambda name: None)
    code, _, told = harness(*options, "--mlflow", "file:./store")
    assert code == 2
    assert 'pip install "harness[mlflow]"' in told.replace("\n", " ")
    assert not Path("run").exists()
