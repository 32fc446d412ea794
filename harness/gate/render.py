"""A gate's result for the terminal: what didn't pass line by line, then the outcome. It computes no verdict."""

from rich.console import Group
from rich.text import Text

from harness.gate.calibrate import Calibration
from harness.gate.escape import plain
from harness.gate.records import GateResult
from harness.gate.wording import headline, line, refusal

_STYLES = {"fail": "red", "unknown": "yellow", "not comparable": "red", "pass": "green"}
_RANK = {"fail": 0, "unknown": 1}


def render_gate(result: GateResult) -> Group:
    """The result as lines of text, failures first; readable without colour, and one line each however wide."""
    told = sorted((one for one in result.checks if one.outcome != "pass"), key=lambda one: _RANK[one.outcome])
    lines = [Text(plain(line(one)), style=_STYLES[one.outcome]) for one in told]
    refused = [Text(plain(f"- {refusal(one)}"), style="red") for one in result.obstacles]
    outcome = Text(headline(result), style=f"bold {_STYLES[result.outcome]}")
    return Group(*lines, *refused, outcome, *(Text(plain(sentence)) for sentence in result.summary))


def render_calibration(found: Calibration) -> Group:
    """What repeated runs showed, and what it calls for."""
    return Group(*(Text(plain(sentence)) for sentence in found.summary))
