"""`harness compare`. Exit codes: 0 fine, 1 a variant failed, 2 bad input."""

import time
from pathlib import Path

import typer

from harness.commands import options
from harness.commands.console import console, fail, given, listening, problems, tell, warn
from harness.commands.interrupt import as_typed, interruptible
from harness.errors import HarnessError, InputError

# The other parameters are settings of the request, and named after them, as `given` says.
_NO_SETTINGS = {"suite_option", "config", "shared_cache", "mlflow", "verbose"}


def compare(
    context: typer.Context,
    suite: options.Suite = None,
    suite_option: options.SuiteOption = None,
    config: options.Config = None,
    data: options.Data = None,
    variants: options.Variants = None,
    weights: options.Weights = None,
    contexts: options.Contexts = None,
    splits: options.Splits = None,
    retention: options.Retention = None,
    limit: options.Limit = None,
    model: options.Model = None,
    device: options.Device = None,
    dtype: options.Dtype = None,
    load_in: options.LoadIn = None,
    device_map: options.DeviceMap = None,
    backend: options.Backend = None,
    seeds: options.Seeds = None,
    tune: options.Tune = None,
    loss_on: options.LossOn = None,
    server__url: options.ServerUrl = None,
    served: options.Served = None,
    server__endpoint: options.Endpoint = None,
    server__tokenizer: options.Tokenizer = None,
    server__concurrency: options.Concurrency = None,
    margin: options.Margin = None,
    require: options.Require = None,
    queries_per_month: options.QueriesPerMonth = None,
    updates_per_month: options.UpdatesPerMonth = None,
    prices: options.PriceFile = None,
    executor: options.Executor = None,
    address: options.Address = None,
    threads: options.Threads = None,
    shard: options.Shard = None,
    shared_cache: options.SharedCache = None,
    trust_code: options.TrustCode = None,
    trust_metrics: options.TrustMetrics = None,
    lm_eval_tasks: options.LmEvalTasks = None,
    out: options.Out = None,
    mlflow: options.Mlflow = None,
    verbose: options.Verbose = False,
) -> None:
    """Train, index, predict, score and compare every variant on one base model."""
    begun = time.perf_counter()
    from harness.reporting import check_mlflow, render, render_spent
    from harness.reporting.progress import TerminalProgress

    if mlflow is not None:
        check_mlflow(mlflow)
    asked = given({name: value for name, value in context.params.items() if name not in _NO_SETTINGS})
    asked |= given({"suite": _one_suite(suite, suite_option)})
    with interruptible(as_typed()):
        from harness.pipeline import load_config  # which loads no model library: a mistake is told at once

        request = load_config(config, asked)
        with problems.status("loading the libraries"):
            from harness.pipeline import run_comparison
            from harness.runs import Cache
        with listening(verbose), TerminalProgress(problems, notes=not verbose) as progress:
            result = run_comparison(request, progress, Cache(shared=shared_cache), since=begun)
    console.print(render(result.comparison))
    console.print(render_spent(result.stages))
    tell("\nRun folder", result.run)
    if mlflow:
        _log(result.run, mlflow)
    if result.comparison.failures:
        told = "\n".join(f"{failure.variant}: {failure.reason}" for failure in result.comparison.failures)
        fail(f"{len(result.comparison.failures)} variants failed and were not scored:\n{told}", 1)


def _log(run: Path, uri: str) -> None:
    """Writes the report and logs the run with MLflow; what fails of it is told, and changes nothing about the run."""
    from harness.reporting import log_to_mlflow, read_run, write_html, write_report

    try:
        comparison = read_run(run)
        write_html(run, comparison)
        write_report(run, comparison)
        tell("MLflow run", log_to_mlflow(run, uri))
    except HarnessError as error:
        warn(f"{error} The run itself is whole.")


def _one_suite(argument: str | None, option: str | None) -> str | None:
    """The suite that was named, in either place."""
    if argument and option and argument != option:
        raise InputError(
            f"two suites are named, {argument!r} and --suite {option!r}, and a run has one. Drop one of them."
        )
    return argument or option
