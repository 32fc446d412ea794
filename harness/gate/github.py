"""A gate's result for GitHub Actions: a step summary in Markdown, and annotations. It computes no verdict."""

from collections.abc import Iterator

from harness.comparison.phrases import code
from harness.gate.escape import attribute, cell, message, plain
from harness.gate.records import Check, GateResult
from harness.gate.wording import OUTCOMES, figures, finding, headline, line, place, refusal

ANNOTATIONS = 10  # GitHub shows no more of one kind and step
_RANK = {"fail": 0, "unknown": 1, "pass": 2}


def step_summary(result: GateResult) -> str:
    """The result as Markdown: what didn't pass as a table, what did beneath it, folded."""
    ranked = sorted(result.checks, key=lambda one: _RANK[one.outcome])
    stopped = [one for one in ranked if one.outcome != "pass"]
    passed = [one for one in ranked if one.outcome == "pass"]
    parts = [f"## Gate: {headline(result)}", *(code(plain(sentence)) for sentence in result.summary)]
    parts += ["\n".join(f"- {code(plain(refusal(one)))}" for one in result.obstacles)] if result.obstacles else []
    parts += [_table(stopped)] if stopped else []
    folded = f"<details><summary>{len(passed)} checks passed</summary>\n\n{_table(passed)}\n\n</details>"
    parts += [folded] if passed else []
    return "\n\n".join(parts) + "\n"


def _table(checks: list[Check]) -> str:
    heading = ["| | where | measured | finding |", "| --- | --- | --- | --- |"]
    rows = [f"| {OUTCOMES[c.outcome]} | {cell(place(c))} | {cell(figures(c))} | {cell(finding(c))} |" for c in checks]
    return "\n".join([*heading, *rows])


def annotations(result: GateResult) -> Iterator[str]:
    """Workflow commands, one line each, failures first; a last one says how many more there are.

    Source: GitHub's "Workflow commands for GitHub Actions", which names what has to be escaped.
    """
    told = [("error", "not comparable", refusal(one)) for one in result.obstacles]
    told += [("error", place(one), line(one)) for one in result.checks if one.outcome == "fail"]
    kind = "warning" if result.passed else "error"
    told += [(kind, place(one), line(one)) for one in result.checks if one.outcome == "unknown"]
    for level, where, text in told[:ANNOTATIONS]:
        yield f"::{level} title={attribute(f'harness gate: {where}')}::{message(text)}"
    if len(told) > ANNOTATIONS:
        yield f"::notice title=harness gate::{len(told) - ANNOTATIONS} more are told in the log and the summary"
