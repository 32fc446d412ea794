"""`harness selfcheck`. Exit codes: 0 whatever is reproduced, 1 a training or a proof failed, 2 bad input."""

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.console import console, fail, problems, tell
from harness.commands.interrupt import as_typed, interruptible


def selfcheck(
    seeds: Annotated[int, typer.Option(min=1, help="Seeds to train and draw shots with.")] = 3,
    out: Annotated[Path, typer.Option(help="Folder for the runs, selfcheck.json and selfcheck.md.")] = Path(
        "runs/selfcheck"
    ),
) -> None:
    """Hold the harness against effects that the field has measured: reproduced, not reproduced, or cannot tell."""
    from harness.reporting.progress import TerminalProgress
    from harness.reporting.selfcheck import render_selfcheck, write_selfcheck

    with interruptible(as_typed()):
        with problems.status("loading the libraries"):
            from harness.pipeline.selfcheck import run_selfcheck
        with TerminalProgress(problems) as progress:
            check = run_selfcheck(out, seeds=seeds, progress=progress)
    console.print(render_selfcheck(check))
    tell("\nSelf-check", write_selfcheck(check, out))
    if check.failures:
        told = "\n".join(check.failures)
        fail(f"{len(check.failures)} variants failed and were not scored:\n{told}", 1)
