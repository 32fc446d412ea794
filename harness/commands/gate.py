"""`harness gate`: parse, call, exit. Exit codes: 0 pass, 1 fail or can't tell, 2 not comparable or bad input."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.commands.console import console, tell
from harness.errors import InputError, NotComparableError


class OnUnknown(StrEnum):
    """What to do with what can't be told."""

    PASS = "pass"
    FAIL = "fail"


def gate(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN", help="The run folder to judge; several for --calibrate.")
    ],
    baseline: Annotated[
        Path | None, typer.Option(help="What to hold it against: a run folder, or a file that --update wrote.")
    ] = None,
    rules: Annotated[Path | None, typer.Option(help="YAML file of rules. Default: those of docs/ci.md.")] = None,
    accept: Annotated[
        list[str] | None, typer.Option(help="What may differ, such as template or 'variant full/zero-shot'.")
    ] = None,
    on_unknown: Annotated[
        OnUnknown, typer.Option(help="Whether a run passes of which the cases can't tell.")
    ] = OnUnknown.FAIL,
    update: Annotated[
        bool, typer.Option("--update", help="Write RUN to the baseline file instead of judging it.")
    ] = False,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Measure how runs of the same differ, and propose margins.")
    ] = False,
    write: Annotated[Path | None, typer.Option(help="File for the rules that --calibrate proposes.")] = None,
    junit: Annotated[Path | None, typer.Option(help="File for JUnit XML.")] = None,
    summary: Annotated[
        Path | None, typer.Option(help="File that a Markdown summary is added to. Default: $GITHUB_STEP_SUMMARY.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="File for the result as JSON.")] = None,
) -> None:
    """Hold RUN against a baseline: 0 pass, 1 fail or can't tell, 2 not comparable or bad input."""
    outputs = {"--junit": junit, "--summary": summary, "--json": json}
    if calibrate:
        _check_unused("--calibrate", {"--baseline": baseline, "--update": update, "--accept": accept, **outputs})
        _calibrate(runs, rules, write)
        return
    if len(runs) != 1 or baseline is None:
        raise InputError(
            f"harness gate: judges one run by one baseline, and was given {len(runs)} and "
            f"{'none' if baseline is None else 'one'}. Give harness gate RUN --baseline BASELINE, or several runs with "
            "--calibrate."
        )
    _check_unused("without --calibrate", {"--write": write})
    if update:
        _check_unused("--update", {"--rules": rules, "--accept": accept, **outputs})
        _update(runs[0], baseline)
        return
    from harness.gate import Rules, explanation, publish, read_rules, render_gate
    from harness.gate import gate as judge

    limits = read_rules(rules) if rules else Rules()
    result = judge(runs[0], baseline, limits, accept=accept or (), on_unknown=on_unknown.value)
    for line in publish(result, junit_file=junit, summary_file=summary, json_file=json):
        typer.echo(line)
    if result.outcome == "not comparable":
        raise NotComparableError(explanation(result))
    console.print(render_gate(result), soft_wrap=True)
    raise typer.Exit(0 if result.passed else 1)


def _check_unused(where: str, given: Mapping[str, object]) -> None:
    """Raises InputError for options that would be read and then do nothing."""
    idle = [name for name, value in given.items() if value]
    if idle:
        raise InputError(f"harness gate {where}: has no use for {', '.join(idle)}, and would ignore it. Drop it.")


def _calibrate(runs: list[Path], rules: Path | None, write: Path | None) -> None:
    from harness.gate import Rules, calibrate, read_rules, read_snapshot, render_calibration, write_rules

    if len({run.resolve() for run in runs}) < len(runs):
        raise InputError("--calibrate: names a run twice, and a run doesn't differ from itself. Name each once.")
    found = calibrate([read_snapshot(run) for run in runs], read_rules(rules) if rules else Rules())
    console.print(render_calibration(found), soft_wrap=True)
    if write is not None:
        tell("Rules", write_rules(found.rules, write))


def _update(run: Path, baseline: Path) -> None:
    from harness.gate import read_snapshot, write_baseline

    written = write_baseline(read_snapshot(run), baseline)
    tell("Baseline", written)
