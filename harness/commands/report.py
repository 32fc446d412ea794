"""`harness report`. Exit codes: 0 fine, 2 bad input."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands.console import console, tell
from harness.commands.interrupt import as_typed, interruptible
from harness.commands.options import Mlflow, PriceFile, QueriesPerMonth, Require, UpdatesPerMonth
from harness.errors import InputError

if TYPE_CHECKING:
    from harness.comparison import Constraints


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="The run folder to report on; two for --compare.")],
    compare: Annotated[
        bool, typer.Option("--compare", help="Show two runs side by side instead of writing a report.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="With --compare: a Markdown file for what is shown.")] = None,
    terminal: Annotated[bool, typer.Option("--terminal", help="Show the report here too.")] = False,
    require: Require = None,
    queries_per_month: QueriesPerMonth = None,
    updates_per_month: UpdatesPerMonth = None,
    prices: PriceFile = None,
    mlflow: Mlflow = None,
) -> None:
    """Write RUN/report.html and RUN/report.md: the verdict and the evidence for it, anew under other requirements."""
    with interruptible(as_typed()):
        from harness.comparison import Constraints
        from harness.reporting import check_mlflow

        constraints = Constraints(tuple(require or ()), queries_per_month, updates_per_month)
        if compare:
            if terminal or prices or mlflow or constraints != Constraints():
                raise InputError(
                    "harness report --compare: shows two runs under what each was made for, and takes no other option "
                    "but --out. Drop the others, or report on one run."
                )
            _compare(runs, out)
            return
        if out is not None:
            raise InputError(
                f"harness report --out {out}: the report on one run lies in its folder. Drop --out, or add --compare."
            )
        if len(runs) != 1:
            raise InputError(
                f"harness report: has {len(runs)} runs, and a report is on one. Name one, or add --compare for two."
            )
        if mlflow is not None:
            check_mlflow(mlflow)
        _write(runs[0], constraints, prices, mlflow, terminal=terminal)


def _write(run: Path, constraints: "Constraints", prices: Path | None, mlflow: str | None, *, terminal: bool) -> None:
    from harness.comparison import load_prices
    from harness.reporting import log_to_mlflow, read_run, render, write_html, write_report
    from harness.runs.storage import sweep

    comparison = read_run(run, constraints, load_prices(prices) if prices else None)
    with suppress(OSError):
        sweep(run)  # what a report that was interrupted left
    tell("Report", write_html(run, comparison))  # first, as it reads most: a broken file leaves both as they were
    tell("Report", write_report(run, comparison))
    if mlflow:
        tell("MLflow run", log_to_mlflow(run, mlflow))
    if terminal:
        console.print(render(comparison))


def _compare(runs: list[Path], out: Path | None) -> None:
    from harness.comparison import write_text
    from harness.reporting import read_two_runs, side_by_side, side_by_side_markdown

    if len(runs) != 2:
        raise InputError(f"harness report --compare: shows two runs, not {len(runs)}. Name two run folders.")
    both = read_two_runs(*runs)
    console.print(side_by_side(both))
    if out is not None:
        tell("Markdown", write_text(out, side_by_side_markdown(both)))
