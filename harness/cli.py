"""The command line: its commands, and how it ends. Exit codes: 0 fine, 1 regression or failed proof, 2 bad input."""

import logging

import typer
from rich.logging import RichHandler

from harness.commands.compare import compare
from harness.commands.console import fail, problems
from harness.commands.export import export
from harness.commands.gate import gate
from harness.commands.methods import methods
from harness.commands.report import report
from harness.commands.selfcheck import selfcheck
from harness.commands.suite import suite_app
from harness.errors import HarnessError, ProofError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
for command in (compare, report, gate, export, selfcheck, methods):
    app.command()(command)
app.add_typer(suite_app, name="suite")


@app.callback()
def harness() -> None:
    """Settles, with evidence, whether to prompt, retrieve, fine-tune, combine them, or interpolate weights."""


def main() -> None:
    """Runs the command line; turns the harness's own errors into one message and an exit code."""
    _show_warnings()
    try:
        app()
    except HarnessError as error:
        fail(str(error), 1 if isinstance(error, ProofError) else 2)


def _show_warnings() -> None:
    """Lets what the stages log, such as a damaged artifact that is built again, appear on standard error."""
    logger = logging.getLogger("harness")
    logger.handlers = [RichHandler(console=problems, show_time=False, show_path=False)]
    logger.setLevel(logging.INFO)
