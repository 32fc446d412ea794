"""`harness compare`: what its options ask for, and what wrong ones say."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from harness.cli import app, main
from harness.pipeline import load_config

GIVEN = {
    "--data": ("folder", "data", Path("folder")),
    "--variants": ("base/zero-shot, base/rag-3", "variants", ("base/zero-shot", "base/rag-3")),
    "--weights": ("base", "weights", ("base",)),
    "--contexts": ("zero-shot,rag-3", "contexts", ("zero-shot", "rag-3")),
    "--splits": ("asked", "splits", ("asked",)),
    "--retention": ("lm_eval:arc_easy", "retention", ("lm_eval:arc_easy",)),
    "--limit": ("3", "limit", 3),
    "--model": ("org/name", "model", "org/name"),
    "--device": ("cpu", "device", "cpu"),
    "--dtype": ("float16", "dtype", "float16"),
    "--load-in": ("4bit", "load_in", "4bit"),
    "--device-map": ("auto", "device_map", "auto"),
    "--backend": ("vllm", "backend", "vllm"),
    "--seeds": ("3", "seeds", 3),
    "--tune": ("4", "tune", 4),
    "--loss-on": ("all", "loss_on", "all"),
    "--server": ("http://localhost:1/v1", "server.url", "http://localhost:1/v1"),
    "--served": ("mine=ft:1,other=2", "served", {"mine": "ft:1", "other": "2"}),
    "--endpoint": ("completions", "server.endpoint", "completions"),
    "--tokenizer": ("org/name", "server.tokenizer", "org/name"),
    "--concurrency": ("2", "server.concurrency", 2),
    "--margin": ("0.05", "margin", 0.05),
    "--require": ("quality >= 0.8", "require", ("quality >= 0.8",)),
    "--queries-per-month": ("100", "queries_per_month", 100.0),
    "--updates-per-month": ("4", "updates_per_month", 4.0),
    "--prices": ("prices.yaml", "prices", Path("prices.yaml")),
    "--executor": ("ray", "executor", "ray"),
    "--address": ("auto", "address", "auto"),
    "--threads": ("1", "threads", 1),
    "--shard": ("50", "shard", 50),
    "--trust-code": ("org/name", "trust_code", ("org/name",)),
    "--trust-metric": ("cer,wer", "trust_metrics", ("cer", "wer")),
    "--lm-eval-tasks": ("tasks", "lm_eval_tasks", Path("tasks")),
    "--out": ("run", "out", Path("run")),
}
NO_SETTINGS = {"--suite", "--config", "--shared-cache", "--mlflow", "--verbose"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch):
    """What `harness compare` asks the pipeline for with these arguments."""
    requests = []

    def stop(request, *_, **__):
        requests.append(request)
        raise typer.Exit(0)

    monkeypatch.setattr("harness.pipeline.run_comparison", stop, raising=False)

    def ask(*arguments: str):
        monkeypatch.setattr("sys.argv", ["harness", "compare", *arguments])
        with pytest.raises(SystemExit) as exited:
            main()
        assert not exited.value.code
        return requests[-1]

    return ask


def test_every_option_is_among_those_tested_here():
    """An option that is new is either a setting of the request, with a line above, or says how to run."""
    compare = typer.main.get_command(app).commands["compare"]
    options = {name for parameter in compare.params for name in parameter.opts if name.startswith("--")}
    assert options - {"--help"} == set(GIVEN) | NO_SETTINGS


def test_each_option_sets_what_it_is_named_after(asked):
    """Given all at once, each arrives as its own setting, and nothing else is set."""
    words = [word for option, (text, _, _) in GIVEN.items() for word in (option, text)]
    expected = {name: value for _, name, value in GIVEN.values() if "." not in name}
    server = {name.partition(".")[2]: value for _, name, value in GIVEN.values() if "." in name}
    assert asked("mine", *words) == load_config(None, {"suite": "mine", **expected, "server": server})


def test_options_win_over_the_file_and_what_is_not_given_leaves_it_alone(asked, tmp_path):
    """Lists and sections of the file stand where the command line is silent about them."""
    file = tmp_path / "ask.yaml"
    file.write_text("weights: [base]\nseeds: 2\nrequire: [quality >= 0.5]\nserver: {url: 'http://a/v1', retries: 1}\n")
    request = asked("--config", str(file), "--seeds", "3", "--server", "http://b/v1")
    assert (request.weights, request.seeds, request.require) == (("base",), 3, ("quality >= 0.5",))
    assert (request.server.url, request.server.retries) == ("http://b/v1", 1)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--sedes", "3"], "--seeds"),
        (["--seeds", "many"], "'--seeds'"),
        (["--seeds", "0"], "seeds"),
        (["--dtype", "float8"], "float32"),
        (["--served", "mine"], "--served mine: is no NAME=VALUE"),
        (["--endpoint", "chat"], "Say it with --server URL"),
        (["pocket", "--suite", "triage"], "two suites are named"),
        (["pocket", "triage"], "triage"),
    ],
    ids=["unknown", "no number", "too small", "no choice", "no pair", "no server", "two suites", "two arguments"],
)
def test_a_wrong_option_gives_one_message_and_code_2(arguments, told, tmp_path):
    """What is wrong is named, with what there is instead; no traceback, nothing on standard output."""
    ended = subprocess.run(
        [sys.executable, "-m", "harness", "compare", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert told in ended.stderr
    assert ended.stderr.lower().count("error") == 1
    assert "Traceback" not in ended.stderr
