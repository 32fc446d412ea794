"""The command line: parse, call, exit. Exit codes: 0 fine, 1 regression or failed proof, 2 bad input."""

import logging
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.logging import RichHandler

from harness.errors import HarnessError, InputError, ProofError
from harness.suite_cli import suite_app

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console()
problems = Console(stderr=True)
app.add_typer(suite_app, name="suite")


@app.callback()
def harness() -> None:
    """Settles, with evidence, whether to prompt, retrieve, fine-tune, combine them, or interpolate weights."""


@app.command()
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
        "variants": _names(variants),
        "weights": _names(weights),
        "contexts": _names(contexts),
        "splits": _names(splits),
        "retention": _names(retention),
        "lm_eval_tasks": lm_eval_tasks,
        "seeds": seeds,
        "tune": tune,
        "loss_on": loss_on,
        "limit": limit,
        "out": out,
        "device": device,
        "dtype": dtype,
        "trust_metrics": _names(trust_metric),
    }
    request = load_config(config, options)
    with console.status("loading the libraries"):
        from harness.pipeline import run_comparison
    try:
        with TerminalProgress(console) as progress:
            result = run_comparison(request, progress)
    except KeyboardInterrupt:
        _fail("Interrupted. What was finished is kept: the same command goes on from there.", 130)
    console.print(render(result.comparison))
    console.print(f"\nRun folder: [bold]{result.run}[/]", highlight=False, soft_wrap=True)
    if result.comparison.failures:
        told = "\n".join(f"{failure.variant}: {failure.reason}" for failure in result.comparison.failures)
        _fail(f"{len(result.comparison.failures)} variants failed and were not scored:\n{told}", 1)


@app.command()
def gate(
    run: Annotated[Path, typer.Argument(help="The run folder to judge.")],
    baseline: Annotated[Path, typer.Option(help="The run folder to hold it against.")],
) -> None:
    """Fail where RUN is worse than the baseline: 0 pass, 1 regression, 2 not comparable or bad input."""
    from harness.gate import gate as judge
    from harness.gate import render_gate

    result = judge(run, baseline)
    console.print(render_gate(result))
    raise typer.Exit(0 if result.outcome == "pass" else 1)


@app.command()
def report(run: Annotated[Path, typer.Argument(help="The run folder to report on.")]) -> None:
    """Write RUN/report.md: the verdict and the evidence for it."""
    from harness.reporting import write_report

    console.print(f"Report: [bold]{write_report(run)}[/]", highlight=False, soft_wrap=True)


@app.command()
def methods(
    model: Annotated[str | None, typer.Option(help="Base model to count on. Default: that of pocket.")] = None,
) -> None:
    """List all recipes: what they train, whether they merge, interpolate and batch, and their papers."""
    from harness.reporting.methods import render_methods

    with console.status("loading the libraries"):
        from harness.pipeline.methods import overview
    console.print(render_methods(overview(model)))


def main() -> None:
    """Runs the command line; turns the harness's own errors into one message and an exit code."""
    _show_warnings()
    try:
        app()
    except HarnessError as error:
        _fail(str(error), 1 if isinstance(error, ProofError) else 2)


def _show_warnings() -> None:
    """Lets what the stages log, such as a damaged artifact that is built again, appear on standard error."""
    logger = logging.getLogger("harness")
    logger.handlers = [RichHandler(console=problems, show_time=False, show_path=False)]
    logger.setLevel(logging.INFO)


def _fail(message: str, code: int) -> NoReturn:
    problems.print("[bold red]error:[/]", end=" ")
    problems.print(message, markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)


def _one_suite(argument: str | None, option: str | None) -> str | None:
    """The suite that was named, in either place."""
    if argument and option and argument != option:
        raise InputError(
            f"two suites are named, {argument!r} and --suite {option!r}, and a run has one. Drop one of them."
        )
    return argument or option


def _names(listed: str | None) -> tuple[str, ...]:
    """The names in a comma-separated list."""
    return tuple(name.strip() for name in (listed or "").split(",") if name.strip())
