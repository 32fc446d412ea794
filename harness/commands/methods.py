"""`harness methods`. Exit codes: 0 fine, 2 bad input."""

from typing import Annotated

import typer

from harness.commands.console import console, problems


def methods(
    model: Annotated[str | None, typer.Option(help="Base model to count on. Default: that of pocket.")] = None,
) -> None:
    """List all recipes: what they train, whether they merge, interpolate and batch, and their papers."""
    from harness.reporting.methods import render_methods

    with problems.status("loading the libraries"):
        from harness.pipeline.methods import overview
    console.print(render_methods(overview(model)))
