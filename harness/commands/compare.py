"""`harness compare`. Exit codes: 0 fine, 1 a variant failed, 2 bad input."""

from pathlib import Path
from typing import Annotated, Any

import typer

from harness.commands.console import console, fail, names, tell
from harness.commands.options import PriceFile, QueriesPerMonth, Require, UpdatesPerMonth
from harness.errors import InputError


def compare(
    suite: Annotated[
        str | None, typer.Argument(metavar="[SUITE]", help="Name or folder of a suite. Default: pocket.")
    ] = None,
    suite_option: Annotated[str | None, typer.Option("--suite", help="The same as the argument.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder with the data that a suite names but doesn't hold. Default: the hub.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Base model: hub id or folder. Default: the suite's own.")] = None,
    variants: Annotated[str | None, typer.Option(help="Variants, such as base/zero-shot,full@0.5/rag-3.")] = None,
    weights: Annotated[
        str | None, typer.Option(help="Weights, such as base,full@0.5,'full>lora' or all; times --contexts.")
    ] = None,
    contexts: Annotated[
        str | None, typer.Option(help="Contexts, such as zero-shot,few-shot-4,rag-3,rag-3:hybrid.")
    ] = None,
    splits: Annotated[str | None, typer.Option(help="Test splits. Default: all.")] = None,
    retention: Annotated[
        str | None, typer.Option(help="Tasks of lm-evaluation-harness to ask beside, such as lm_eval:arc_easy.")
    ] = None,
    lm_eval_tasks: Annotated[
        Path | None, typer.Option(help="Folder of task files of your own for lm_eval:TASK. Their Python code is run.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Seeds to train and draw shots with. Default: 1.")] = None,
    tune: Annotated[
        int | None, typer.Option(help="Tune every recipe with this many trials, judged on validation. Default: none.")
    ] = None,
    loss_on: Annotated[
        str | None, typer.Option(help="completion, or all to train every recipe on prompts too. Default: completion.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Ask only the first cases of each split.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder. Default: runs/SUITE-HASH.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, … Default: cuda where there is one.")] = None,
    dtype: Annotated[str | None, typer.Option(help="float32, bfloat16 or float16. Default: float32.")] = None,
    trust_metric: Annotated[
        str | None, typer.Option(help="Modules of evaluate whose code may run, where a suite asks for evaluate(NAME).")
    ] = None,
    trust_code: Annotated[
        str | None, typer.Option(help="The base model, named once more, if the Python code in its folder may run.")
    ] = None,
    margin: Annotated[
        float | None, typer.Option(help="Differences below this count as none, 0 to 1. Default: 0.03.")
    ] = None,
    require: Require = None,
    queries_per_month: QueriesPerMonth = None,
    updates_per_month: UpdatesPerMonth = None,
    prices: PriceFile = None,
    config: Annotated[
        Path | None, typer.Option(help="YAML file with any of these, and recipes, retrieval and embedder; options win.")
    ] = None,
) -> None:
    """Train, index, predict, score and compare every variant on one base model."""
    from harness.pipeline.config import load_config
    from harness.reporting import render
    from harness.reporting.progress import TerminalProgress

    options: dict[str, Any] = {
        "suite": _one_suite(suite, suite_option),
        "data": data,
        "model": model,
        "variants": names(variants),
        "weights": names(weights),
        "contexts": names(contexts),
        "splits": names(splits),
        "retention": names(retention),
        "lm_eval_tasks": lm_eval_tasks,
        "seeds": seeds,
        "tune": tune,
        "loss_on": loss_on,
        "limit": limit,
        "out": out,
        "device": device,
        "dtype": dtype,
        "trust_metrics": names(trust_metric),
        "trust_code": names(trust_code),
        "margin": margin,
        "require": tuple(require or ()),
        "queries_per_month": queries_per_month,
        "updates_per_month": updates_per_month,
        "prices": prices,
    }
    request = load_config(config, options)
    with console.status("loading the libraries"):
        from harness.pipeline import run_comparison
    try:
        with TerminalProgress(console) as progress:
            result = run_comparison(request, progress)
    except KeyboardInterrupt:
        fail("Interrupted. What was finished is kept: the same command goes on from there.", 130)
    console.print(render(result.comparison))
    tell("\nRun folder", result.run)
    if result.comparison.failures:
        told = "\n".join(f"{failure.variant}: {failure.reason}" for failure in result.comparison.failures)
        fail(f"{len(result.comparison.failures)} variants failed and were not scored:\n{told}", 1)


def _one_suite(argument: str | None, option: str | None) -> str | None:
    """The suite that was named, in either place."""
    if argument and option and argument != option:
        raise InputError(
            f"two suites are named, {argument!r} and --suite {option!r}, and a run has one. Drop one of them."
        )
    return argument or option
