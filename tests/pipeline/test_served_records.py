"""What a run records of a server that changes its models, refuses cases, counts nothing, or takes no temperature."""

import json
import logging
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from scripted import Answer, Request, scripted

from harness.errors import InputError
from harness.pipeline import CompareConfig, Result, run_comparison
from harness.reporting import read_run, render, write_report
from harness.runs import Cache


def reply(text: str, **changes: Any) -> dict[str, Any]:
    return {
        "model": "m-1",
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 2},
        **changes,
    }


def run(url: str, suite: Path, tmp_path: Path, **changes: Any) -> Result:
    config = CompareConfig(
        suite=str(suite),
        model="m",
        server={"url": url, "retries": 0, "concurrency": 1},
        splits=("asked",),
        out=tmp_path / "run",
        **{"contexts": ("zero-shot",), **changes},
    )
    return run_comparison(config, cache=Cache(tmp_path / "cache"))


def manifest(run: Path) -> dict[str, Any]:
    return json.loads((run / "run.json").read_text(encoding="utf-8"))["served"]["models"]["m"]


def test_a_name_that_comes_to_stand_for_another_model_is_told(suite, tmp_path, caplog):
    """Replies that name two models are recorded by model, and warned of."""
    caplog.set_level(logging.WARNING)
    with scripted(lambda request: reply("Corvo", model=f"m-{request.number // 3}")) as server:
        found = run(server.url, suite, tmp_path)
    assert [(one["model"], one["replies"]) for one in manifest(found.run)["answered_by"]] == [("m-0", 2), ("m-1", 2)]
    assert "m: its replies say that they are from m-0, m-1" in caplog.text


def test_a_refused_case_is_unscored_with_the_reason(suite, tmp_path, caplog):
    """What the server says of one prompt stands as the reason; the others are scored, and it is asked again."""

    def answer(request: Request) -> Any:
        long = "Heron" in request.json["messages"][0]["content"]
        return Answer({"error": {"message": "maximum context length is 5"}}, 400) if long else reply("Corvo")

    with scripted(answer) as server:
        found = run(server.url, suite, tmp_path)
        assert "base/zero-shot: 1 of 4 cases have no answer, so they are unscored: the server refuses it" in caplog.text
        (cell,) = [cell for cell in found.comparison.cells if cell.metric == "exact_match"]
        assert (cell.n, cell.unscored) == (3, 1)
        rows = [json.loads(line) for line in (found.run / "scores.jsonl").read_text(encoding="utf-8").splitlines()]
        (reason,) = {row["reason"] for row in rows if row["value"] is None}
        assert "maximum context length is 5" in reason
        asked = len(server.requests)
        run(server.url, suite, tmp_path)
        assert len(server.requests) == asked + 1


def test_thinking_that_is_taken_for_the_answer_is_warned_of(suite, tmp_path, caplog):
    """A model that thinks in its answer is scored as it answers, and the user is told what to do."""
    with scripted(lambda request: reply("<think>Hm.</think> Corvo")) as server:
        run(server.url, suite, tmp_path)
    assert "base/zero-shot: 4 of 4 answers begin with the model's thinking (<think>)" in caplog.text


def test_a_server_that_takes_no_temperature_is_recorded(suite, tmp_path, caplog):
    """Answers that are drawn at random are told to be."""

    def answer(request: Request) -> Any:
        told = {"error": {"message": "Unsupported value: 'temperature' does not support 0 with this model."}}
        return Answer(told, 400) if "temperature" in request.json else reply("Corvo")

    with scripted(answer) as server, caplog.at_level(logging.WARNING):
        found = run(server.url, suite, tmp_path)
    assert manifest(found.run)["asked_without"] == ["temperature"]
    assert "m: doesn't take temperature, so it was asked without" in caplog.text
    computed = json.loads((found.run / "run.json").read_text(encoding="utf-8"))["computed"]
    assert computed["base/zero-shot/asked"] == {"mode": "server:chat", "fallback": "asked without temperature"}


def test_tokens_are_paid_by_the_price_file(suite, tmp_path):
    """The server's own count, times the prices of a million tokens."""
    (tmp_path / "prices.yaml").write_text(
        "gpu_hour: 0\nmillion_prompt_tokens: 1\nmillion_generated_tokens: 10\n", encoding="utf-8"
    )
    with scripted(lambda request: reply("Corvo")) as server:
        found = run(server.url, suite, tmp_path, prices=tmp_path / "prices.yaml")
    (price,) = found.comparison.priced
    assert price.thousand_queries == pytest.approx(1000 * (10 * 1 + 2 * 10) / 1e6)


def test_what_was_never_answered_costs_what_is_not_known(suite, tmp_path):
    """A variant without one answer has no figures of a query, in the files and in every table, rather than zeros."""

    def answer(request: Request) -> Any:
        thinks = len(request.json["messages"]) > 1
        message = {"role": "assistant", "content": None, "reasoning_content": "Hm."} if thinks else {"content": "Corvo"}
        return reply("", choices=[{"message": message, "finish_reason": "stop"}])

    prices = tmp_path / "prices.yaml"
    prices.write_text("gpu_hour: 2\nmillion_prompt_tokens: 1\nmillion_generated_tokens: 1\n", encoding="utf-8")
    with scripted(answer) as server:
        found = run(server.url, suite, tmp_path, contexts=("zero-shot", "few-shot-1"), prices=prices)
    known, unknown = found.comparison.costs
    figures = ("seconds_per_query", "p50_seconds", "p95_seconds", "prompt_tokens_per_query")
    assert all(getattr(known, name) for name in figures)
    assert [getattr(unknown, name) for name in (*figures, "generated_tokens_per_query")] == [None] * 5
    assert [price.thousand_queries is None for price in found.comparison.priced] == [False, True]
    assert read_run(found.run) == found.comparison
    costs = write_report(found.run).read_text().partition("## Costs")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ")[1:] for line in costs.splitlines() if "few-shot-1" in line]
    assert rows[1:] == [["-"] * 7, ["0", "-", "0"]]
    console = Console(width=200, record=True, file=StringIO())
    console.print(render(found.comparison))
    [row] = [line for line in console.export_text().splitlines() if "few-shot-1" in line and " 0.0 " in line]
    assert row.split()[-4:] == ["-", "0.0", "-", "-"]  # trained, build, query, prompt


def test_the_report_says_that_a_server_was_asked_much_at_once(suite, tmp_path):
    """Seconds taken under load are never called those of one query alone."""
    with scripted(lambda request: reply("Corvo")) as server:
        found = run(server.url, suite, tmp_path)
    told = write_report(found.run).read_text()
    assert "from request to reply under that load" in told
    assert "are those of one query alone" not in told


def test_tokens_that_nobody_counts_stop_the_run(suite, tmp_path):
    """Costs are never told as zero because a server says nothing of them."""
    told = pytest.raises(InputError, match="how many tokens")
    with scripted(lambda request: reply("Corvo", usage=None)) as server, told:
        run(server.url, suite, tmp_path)
