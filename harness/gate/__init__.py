"""May this ship? Holds a run against a baseline run; needs only their records, and no torch."""

from harness.gate.judge import gate
from harness.gate.records import Check, GateResult
from harness.gate.render import render_gate
from harness.gate.rules import Rules

__all__ = ["Check", "GateResult", "Rules", "gate", "render_gate"]
