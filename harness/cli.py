"""The command line: its commands, and how it ends. Exit codes: 0 fine, 1 regression or failed proof, 2 bad input."""

import typer

from harness.commands.cache import cache_app, lost_files
from harness.commands.compare import compare
from harness.commands.console import fail, show_warnings
from harness.commands.doctor import doctor
from harness.commands.export import export
from harness.commands.gate import gate
from harness.commands.methods import methods
from harness.commands.processes import run_launched
from harness.commands.report import report
from harness.commands.selfcheck import selfcheck
from harness.commands.suite import suite_app
from harness.errors import HarnessError, ProofError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
for command in (compare, report, gate, export, selfcheck, methods, doctor):
    app.command()(command)
app.add_typer(suite_app, name="suite")
app.add_typer(cache_app, name="cache")


@app.callback()
def harness() -> None:
    """Settles, with evidence, whether to prompt, retrieve, fine-tune, combine them, or interpolate weights."""


def main() -> None:
    """Runs the command line; turns the harness's own errors into one message and an exit code."""
    show_warnings()
    try:
        with lost_files():
            run_launched(app)
    except HarnessError as error:
        fail(str(error), 1 if isinstance(error, ProofError) else 2)
