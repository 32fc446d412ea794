"""What `harness` prints and how it exits: one clear message and exit code 2 for bad input, never a traceback."""

import errno
import json
from pathlib import Path

import pytest


def test_compare_shows_table_verdict_and_run_folder(harness, suite, tiny_base):
    """A comparison ends with the table, the verdict and the folder where all of it lies; report and gate work on it."""
    code, shown, _ = harness(
        "compare", suite, "--model", tiny_base, "--contexts", "zero-shot,rag-1", "--weights", "base", "--out", "run"
    )
    assert code == 0
    assert sorted(path.name for path in Path("run").iterdir()) == [
        "cases.jsonl",
        "comparison.json",
        "costs.json",
        "log.jsonl",
        "passages.jsonl",
        "predictions",
        "prompts",
        "retrieval",
        "run.json",
        "scores.jsonl",
    ]
    for text in ("base/zero-shot", "base/rag-1", "Verdict", "Run folder: run", "suite:harbour:"):
        assert text in shown
    assert harness("report", "run")[0] == 0
    assert Path("run/report.md").is_file()
    assert Path("run/report.html").is_file()
    code, shown, _ = harness("gate", "run", "--baseline", "run")
    assert (code, "CANNOT TELL" in shown) == (1, True)  # four cases show nothing, not even of equal runs
    assert harness("gate", "run", "--baseline", "run", "--on-unknown", "pass")[0] == 0


def test_a_config_file_says_the_same_as_options(harness, suite, tiny_base):
    """Everything can stand in one YAML file, options win over it, and the run records what was resolved."""
    Path("ask.yaml").write_text(
        f"suite: {suite}\nmodel: {tiny_base}\nvariants: [base/zero-shot]\nlimit: 3\nout: run\n", encoding="utf-8"
    )
    code, _, _ = harness("compare", "--config", "ask.yaml", "--limit", "2")
    assert code == 0
    recorded = json.loads(Path("run/run.json").read_text(encoding="utf-8"))
    assert recorded["config"]["limit"] == 2
    assert recorded["variants"] == ["base/zero-shot"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["pokcet"], "Did you mean 'pocket'"),
        (["--variants", "base/zeroshot"], "zero-shot"),
        (["--weights", "lroa"], "Did you mean 'lora'"),
        (["--splits", "in_domian,noisi"], "Did you mean 'in_domain'"),
        (["--splits", "in_domian,noisi"], "Did you mean 'noisy'"),
        (["pocket", "--suite", "triage"], "two suites"),
        (["--model", "./nowhere"], "no such model folder"),
        (["--device", "toaster"], "toaster"),
        (["--seeds", "0"], "seeds"),
        (["--dtype", "float12"], "float32"),
        (["--config", "none.yaml"], "none.yaml"),
    ],
    ids=[
        "suite",
        "variant",
        "recipe",
        "split",
        "second split",
        "two suites",
        "model",
        "device",
        "seeds",
        "dtype",
        "config",
    ],
)
def test_bad_input_gets_one_message_and_exit_code_2(harness, tiny_base, arguments, told):
    """Each mistake is told with what to do about it, without a traceback."""
    model = [] if "--model" in arguments else ["--model", tiny_base]
    code, shown, problem = harness("compare", *arguments, *model)
    assert code == 2
    assert told in problem.replace("\n", " ")
    assert "Traceback" not in shown + problem


def test_an_unknown_key_of_a_config_names_the_nearest_one(harness):
    """A misspelt key in the YAML file is an error and not silently ignored."""
    Path("ask.yaml").write_text("suit: pocket\n", encoding="utf-8")
    code, _, problem = harness("compare", "--config", "ask.yaml")
    assert code == 2
    assert "did you mean 'suite'" in problem


def test_a_broken_suite_is_told_with_all_its_mistakes(harness, suite, tiny_base):
    """A broken line comes with file and line; a leaked case and a repeated id are told together."""
    text = (suite / "asked.jsonl").read_text(encoding="utf-8")
    (suite / "asked.jsonl").write_text(text + '{"id": "broken"\n', encoding="utf-8")
    code, _, problem = harness("compare", suite, "--model", tiny_base)
    assert code == 2
    assert "asked.jsonl:5" in problem
    leaked = (suite / "train.jsonl").read_text(encoding="utf-8").splitlines()[0]
    (suite / "asked.jsonl").write_text(f"{text}{leaked}\n", encoding="utf-8")
    code, _, problem = harness("compare", suite, "--model", tiny_base)
    assert code == 2
    assert "leakage" in problem
    assert "occurs 2 times" in problem


def test_a_folder_that_is_no_run_is_not_written_to(harness, suite, tiny_base):
    """--out never overwrites files that no run wrote."""
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("years of work", encoding="utf-8")
    code, _, problem = harness("compare", suite, "--model", tiny_base, "--out", "mine")
    assert code == 2
    assert "mine" in problem
    assert [path.name for path in Path("mine").iterdir()] == ["thesis.txt"]


def test_a_full_disk_is_one_message_and_loses_nothing(harness, suite, tiny_base, monkeypatch):
    """When the cache can't be written the run stops with code 2, and the next run goes on from what was finished."""
    import harness.pipeline.predict as predict

    options = ("compare", suite, "--model", tiny_base, "--weights", "base", "--contexts", "zero-shot", "--out", "run")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(predict, "_compute", full)
        code, shown, problem = harness(*options)
    assert code == 2
    assert "Traceback" not in shown + problem
    assert "HARNESS_CACHE" in problem
    assert harness(*options)[0] == 0


def test_runs_of_different_suites_are_not_comparable(harness, suite, tiny_base):
    """The gate refuses a changed suite with code 2 instead of judging it."""
    options = ("--model", tiny_base, "--weights", "base", "--contexts", "zero-shot")
    harness("compare", suite, *options, "--out", "before")
    text = (suite / "asked.jsonl").read_text(encoding="utf-8")
    (suite / "asked.jsonl").write_text(text.replace("Brindle", "Elsewhere"), encoding="utf-8")
    harness("compare", suite, *options, "--out", "after")
    code, _, problem = harness("gate", "after", "--baseline", "before")
    assert code == 2
    assert "suite" in problem
