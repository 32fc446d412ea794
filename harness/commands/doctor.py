"""`harness doctor`. Exit codes: 0 a default comparison, and what was asked about, can run; 1 something is missing."""

import json as to_json
from dataclasses import asdict
from typing import Annotated

import typer

from harness.commands.console import console, problems


def doctor(
    model: Annotated[str | None, typer.Option(help="Look for this base model too: hub id or folder.")] = None,
    server: Annotated[
        str | None, typer.Option(metavar="URL", help="Ask this OpenAI-compatible server for its models too.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Write the findings as JSON instead.")] = False,
) -> None:
    """Tell what this machine has and lacks, whether models and cache can be reached, and what a bug report needs."""
    from harness.reporting.doctor import bug_report, render_doctor

    with problems.status("looking"):
        from harness.pipeline.doctor import examine

        found = examine(model, server)
    if json:
        typer.echo(to_json.dumps([asdict(check) for check in found], indent=2))
    else:
        console.print(render_doctor(found))
        console.print("\n[bold]For a bug report[/], with what you ran and RUN/log.jsonl:\n")
        console.print(bug_report(found), markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(any(check.state == "wrong" for check in found))
