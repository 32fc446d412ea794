"""May this ship? Holds a run against a baseline by rules; needs only their records, and no torch."""

from harness.gate.baseline import read_snapshot, write_baseline
from harness.gate.calibrate import Calibration, calibrate
from harness.gate.judge import gate
from harness.gate.publish import publish
from harness.gate.records import Check, GateResult, Obstacle
from harness.gate.render import render_calibration, render_gate
from harness.gate.rules import Rule, Rules, read_rules, write_rules
from harness.gate.snapshot import Snapshot
from harness.gate.wording import explanation

__all__ = [
    "Calibration",
    "Check",
    "GateResult",
    "Obstacle",
    "Rule",
    "Rules",
    "Snapshot",
    "calibrate",
    "explanation",
    "gate",
    "publish",
    "read_rules",
    "read_snapshot",
    "render_calibration",
    "render_gate",
    "write_baseline",
    "write_rules",
]
