"""A gate's result for the terminal: one line for each check that changed, then the summary.

Names and numbers only: it computes no verdict.
"""

from rich.console import Group
from rich.text import Text

from harness.comparison.phrases import metric_label, percent, points_judged, printable
from harness.gate.records import Check, GateResult

_STYLES = {"worse": "red", "unscored": "red", "better": "green", "same": ""}


def render_gate(result: GateResult) -> Group:
    """The result as lines of text, failures first; readable without colour."""
    changed = [check for check in result.checks if check.finding != "same"]
    lines = [Text(_line(check), style=_STYLES[check.finding]) for check in sorted(changed, key=_rank)]
    outcome = Text(result.outcome.upper(), style="bold red" if result.outcome == "regression" else "bold green")
    return Group(*lines, outcome, *(Text(printable(sentence)) for sentence in result.summary))


def _rank(check: Check) -> bool:
    return not check.failed


def _line(check: Check) -> str:
    place = printable(f"{check.variant} on {check.split}, {metric_label(check.metric)}")
    if check.finding == "unscored":
        return (
            f"UNSCORED {place}: {check.unscored_run} of {check.cases} cases, {check.unscored_baseline} in the baseline"
        )
    return f"{check.finding.upper()} {place}: {_figures(check)}"


def _figures(check: Check) -> str:
    judged = check.judged
    if judged is None or check.baseline is None or check.run is None:
        return "no case is scored in both runs"
    return f"{percent(check.baseline)} to {percent(check.run)}, {points_judged(judged)}"
