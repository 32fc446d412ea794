"""`harness export`. Exit codes: 0 fine, 1 the export doesn't reproduce the run, 2 bad input."""

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.console import problems, tell
from harness.commands.interrupt import as_typed, interruptible


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run folder to export from.")],
    variant: Annotated[str, typer.Argument(metavar="VARIANT", help="One of its variants, such as full@0.5/rag-3.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write it: a new or an empty folder.")],
    seed: Annotated[int, typer.Option(help="Which training, or drawing of shots, where there are several.")] = 0,
) -> None:
    """Write a variant for use: model, index, prompt, and an answer.py that needs no harness."""
    from harness.reporting.progress import TerminalProgress

    with interruptible(as_typed()):
        with problems.status("loading the libraries"):
            from harness.pipeline.export import export as write
        with TerminalProgress(problems) as progress:
            written = write(run, variant, folder, seed=seed, progress=progress)
    tell("Export", written)
