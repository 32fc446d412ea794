"""Logs a finished run with MLflow: a run for the comparison, and one nested in it for each variant.

A variant is a run of its own so that MLflow's table of runs is the table of the comparison: variants down, scores
across, under the same names in every comparison. Reads the run folder only, and measures nothing.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from re import sub
from typing import TYPE_CHECKING, Any

from harness._secrets import scrub, scrub_all
from harness.comparison import Comparison, read_comparison
from harness.errors import InputError
from harness.reporting.mlflow_place import check_place
from harness.runs import LOG, RunFolder

if TYPE_CHECKING:
    from mlflow import MlflowClient

ARTIFACTS = ("report.html", "report.md", "comparison.json", "costs.json", "run.json", LOG)
COSTS = (
    *("build_seconds", "seconds_per_query", "p50_seconds", "p95_seconds", "prompt_tokens_per_query"),
    *("generated_tokens_per_query", "flops_per_query", "memory_bytes", "artifact_bytes"),
)
LONGEST = 250  # characters of a name
LONGEST_VALUE = 6000  # characters of a parameter
AT_ONCE = 100  # entries of one request
SETTINGS = {
    "MLFLOW_ALLOW_FILE_STORE": "true",  # MLflow wants to be asked twice for a store in a folder
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # a server that is away is told in seconds, not in minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}


def check_mlflow(uri: str) -> None:
    """Raises InputError where MLflow isn't installed, `uri` is empty, as an unset variable is, or can't be written."""
    if not uri.strip():
        raise InputError("--mlflow is empty, so nothing would be logged. Give a folder, database or server.")
    if find_spec("mlflow") is None:
        raise InputError(
            'MLflow isn\'t installed, so nothing can be logged with it. Install it: pip install "harness[mlflow]".'
        )
    check_place(uri)


def log_to_mlflow(folder: Path, uri: str) -> str:
    """Logs the run in `folder` with the MLflow at `uri`; returns the id of the run there that is the comparison.

    `uri` is a database (`sqlite:///FILE`), a folder (`file:FOLDER`) or a server; the environment isn't asked for one.
    Parameters are what the run was asked for, metrics every score and cost with its interval (`SPLIT/METRIC`, and the
    same with `.low` and `.high`), artifacts the report and the records. Raises InputError if anything fails.
    """
    check_mlflow(uri)
    comparison, manifest = read_comparison(folder), RunFolder.existing(folder).read_json("run.json")
    try:
        with _settings():
            from mlflow import MlflowClient

            client = MlflowClient(tracking_uri=uri)
            with _run(client, _experiment(client, f"harness/{comparison.suite.name}"), folder.name, {}) as parent:
                _log_comparison(client, parent.info.run_id, folder, comparison, manifest)
                for variant in comparison.variants:
                    nested = {"mlflow.parentRunId": parent.info.run_id}
                    with _run(client, parent.info.experiment_id, variant.name, nested) as run:
                        told = variant.model_dump(include={"weights", "context", "trainable_parameters", "chosen"})
                        _log(client, run.info.run_id, told, _metrics(comparison, variant.name))
            return str(parent.info.run_id)
    except (KeyboardInterrupt, InputError):
        raise
    except Exception as error:  # MLflow raises those of whatever library reaches the store
        reason = scrub(" ".join(str(error).split()))[:300]
        raise InputError(
            f"{scrub(uri)}: the run in {folder} can't be logged with MLflow there ({reason}). Check the address and, "
            f"for a database, that sqlalchemy and alembic are installed; then: harness report {folder} --mlflow URI"
        ) from error


def _log_comparison(
    client: "MlflowClient", run: str, folder: Path, comparison: Comparison, manifest: Mapping[str, Any]
) -> None:
    """What all variants have in common, the verdict, and the files."""
    made, decision = manifest.get("provenance") or {}, comparison.decision
    parameters = {
        **(manifest.get("config") or {}),
        "suite": comparison.suite.name,
        "suite_hash": comparison.suite.hash,
        "base": comparison.base.model,
        "base_hash": comparison.base.hash,
        "base_parameters": comparison.base.parameters,
        "signature": comparison.signature,
        **(manifest.get("hardware") or {}),
    }
    tags = {
        "harness.version": made.get("harness"),
        "harness.commit": made.get("commit"),
        "harness.dirty": made.get("dirty"),
        "harness.decision": decision.sentence,
        "harness.recommended": decision.recommended,
        "mlflow.note.content": decision.sentence,
        "mlflow.source.name": "harness compare",
        "mlflow.source.git.commit": made.get("commit"),
    }
    for name, value in tags.items():
        if value not in (None, ""):
            client.set_tag(run, name, scrub(str(value)))
    recommended = _metrics(comparison, decision.recommended)
    _log(client, run, parameters, {name: value for name, value in recommended.items() if name.startswith("quality")})
    for name in ARTIFACTS:
        if (folder / name).is_file():
            client.log_artifact(run, str(folder / name))


def _metrics(comparison: Comparison, variant: str) -> dict[str, float]:
    """All scores and costs of one variant, with their intervals."""
    found: dict[str, float | None] = {}
    for standing in comparison.standings:
        if standing.variant == variant and standing.mean is not None:
            mean = standing.mean
            found |= {"quality": mean.value, "quality.low": mean.low, "quality.high": mean.high}
    for cell in comparison.cells:
        if cell.variant == variant:
            name = f"{cell.split}/{cell.metric}"
            found |= {name: cell.mean, f"{name}.low": cell.low, f"{name}.high": cell.high}
            found |= {f"{name}.unscored": cell.unscored} if cell.unscored else {}
    for cost in comparison.costs:
        if cost.variant == variant:
            found |= {f"cost/{name}": getattr(cost, name) for name in COSTS}
    return {name: float(value) for name, value in found.items() if value is not None}


def _log(client: "MlflowClient", run: str, parameters: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
    """Logs what is set, as many at once as MLflow takes."""
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    told = {name: _text(value) for name, value in scrub_all(parameters).items() if value not in (None, "", [], {})}
    entries = [Param(name, value) for name, value in _legal(told).items()]
    for some in _by(AT_ONCE, entries):
        client.log_batch(run, params=some)
    for some in _by(AT_ONCE, [Metric(name, value, now, 0) for name, value in _legal(metrics).items()]):
        client.log_batch(run, metrics=some)


def _legal(named: Mapping[str, Any]) -> dict[str, Any]:
    """The same under names that MLflow takes; those that would become one are numbered."""
    legal: dict[str, Any] = {}
    for name, value in named.items():
        short = sub(r"[^\w. :/-]", "_", name)[: LONGEST - 4]
        number, free = 2, short
        while free in legal:
            number, free = number + 1, f"{short}-{number}"
        legal[free] = value
    return legal


def _text(value: Any) -> str:
    return (value if isinstance(value, str) else json.dumps(value))[:LONGEST_VALUE]


def _by(count: int, entries: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (entries[start : start + count] for start in range(0, len(entries), count))


def _experiment(client: "MlflowClient", name: str) -> str:
    """The id of the experiment of that name, made if there is none."""
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found else client.create_experiment(name))


@contextmanager
def _run(client: "MlflowClient", experiment: str, name: str, tags: Mapping[str, str]) -> Iterator[Any]:
    """A new run, which is marked as failed where what is logged inside fails."""
    run = client.create_run(experiment, run_name=name, tags=dict(tags))
    try:
        yield run
    except BaseException:
        client.set_terminated(run.info.run_id, "FAILED")
        raise
    client.set_terminated(run.info.run_id)


@contextmanager
def _settings() -> Iterator[None]:
    """Inside, MLflow is set as `SETTINGS` say, where the environment doesn't say otherwise."""
    ours = {name: value for name, value in SETTINGS.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)
