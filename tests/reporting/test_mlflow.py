"""A finished run is logged with MLflow and can be read back: parameters, metrics with intervals, the report."""

import json

import pytest

from harness.comparison import write_comparison
from harness.errors import InputError
from harness.reporting import log_to_mlflow
from harness.runs import RunFolder

mlflow = pytest.importorskip("mlflow")


@pytest.fixture
def run(tmp_path, world, monkeypatch):
    """The folder of a finished run of two variants over two splits, with a report."""
    monkeypatch.chdir(tmp_path)
    scores = {
        "base/zero-shot": {"in_domain": world.hits(40), "paraphrase": world.hits(30)},
        "full>lora@0.5/rag-3:bm25": {"in_domain": world.hits(90), "paraphrase": world.hits(60)},
    }
    folder = RunFolder(tmp_path / "run")
    write_comparison(world.compare(world.rows(scores, "evaluate(exact match)")), folder.path)
    folder.write_manifest(
        {
            "config": {"suite": "tiny", "seeds": 3, "dtype": "float32", "limit": None, "variants": []},
            "hardware": {"device": "cpu"},
            "provenance": {"harness": "9.9", "commit": "c0ffee", "dirty": False},
        }
    )
    folder.write_text("report.html", "<p>report</p>")
    folder.write_text("log.jsonl", "{}\n")
    return folder.path


@pytest.fixture
def client(tmp_path, monkeypatch):
    """Reads what was logged in a folder."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return mlflow.MlflowClient(tracking_uri=f"file:{tmp_path}/store")


def test_a_run_can_be_read_back(run, client, tmp_path):
    """One run holds the request, the verdict and the files; each variant is nested in it with scores and intervals."""
    logged = client.get_run(log_to_mlflow(run, f"file:{tmp_path}/store"))
    comparison = json.loads((run / "comparison.json").read_text(encoding="utf-8"))
    assert logged.info.status == "FINISHED"
    assert logged.data.params["seeds"] == "3"
    assert logged.data.params["suite_hash"] == "5u17e"
    assert "limit" not in logged.data.params
    assert logged.data.tags["harness.commit"] == "c0ffee"
    assert "full>lora@0.5/rag-3:bm25" in logged.data.tags["harness.decision"]
    assert 0 < logged.data.metrics["quality.low"] < logged.data.metrics["quality"] < logged.data.metrics["quality.high"]
    kept = {file.path for file in client.list_artifacts(logged.info.run_id)}
    assert {"report.html", "comparison.json", "costs.json", "run.json", "log.jsonl"} <= kept
    variants = client.search_runs(
        [logged.info.experiment_id], f"tags.`mlflow.parentRunId` = '{logged.info.run_id}'", order_by=["start_time"]
    )
    assert {variant.info.run_name for variant in variants} == {"base/zero-shot", "full>lora@0.5/rag-3:bm25"}
    for variant in variants:
        for cell in comparison["cells"]:
            if cell["variant"] == variant.info.run_name:
                name = f"{cell['split']}/evaluate_exact match_"
                told = [variant.data.metrics[name + suffix] for suffix in ("", ".low", ".high")]
                assert told == pytest.approx([cell["mean"], cell["low"], cell["high"]])
        assert variant.data.metrics["cost/seconds_per_query"] == pytest.approx(0.012)
        assert variant.data.params["weights"] == variant.info.run_name.partition("/")[0]


def test_a_database_does_too(run, tmp_path):
    """The same into SQLite, which MLflow recommends."""
    pytest.importorskip("sqlalchemy")
    uri = f"sqlite:///{tmp_path}/runs.db"
    logged = mlflow.MlflowClient(tracking_uri=uri).get_run(log_to_mlflow(run, uri))
    assert logged.data.params["dtype"] == "float32"
    assert logged.info.status == "FINISHED"


def test_no_secret_is_logged(run, client, tmp_path, monkeypatch):
    """What the environment holds under a secret's name doesn't reach MLflow."""
    monkeypatch.setenv("SERVICE_TOKEN", "float32")
    logged = client.get_run(log_to_mlflow(run, f"file:{tmp_path}/store"))
    assert logged.data.params["dtype"] == "***"


@pytest.mark.parametrize("uri", ["http://user:word@127.0.0.1:9", "carrier-pigeon:x"], ids=["server away", "no store"])
def test_what_cannot_be_reached_is_one_message(run, uri, monkeypatch):
    """An error says where, why and how to log the finished run later, and tells no password."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(InputError, match="harness report") as raised:
        log_to_mlflow(run, uri)
    assert "word" not in str(raised.value)


def test_the_environment_is_left_as_it_was(run, tmp_path, monkeypatch):
    """The settings that MLflow is given for this go again, and MLFLOW_TRACKING_URI decides nothing."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    import os

    before = dict(os.environ)
    log_to_mlflow(run, f"file:{tmp_path}/store")
    assert dict(os.environ) == before
