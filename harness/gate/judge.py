"""Holds a run against a baseline by rules: pass, fail or unknown. Knows nothing of how that is shown."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from harness.comparison.phrases import count
from harness.errors import InputError
from harness.gate.baseline import read_snapshot
from harness.gate.checks import check, demands
from harness.gate.matched import check_rules, matched
from harness.gate.obstacles import check_accepted, obstacles
from harness.gate.records import Check, GateResult, Obstacle
from harness.gate.rules import Rules
from harness.gate.snapshot import Snapshot

OnUnknown = Literal["pass", "fail"]


def gate(
    run: Path,
    baseline: Path,
    rules: Rules | None = None,
    *,
    accept: Collection[str] = (),
    on_unknown: OnUnknown = "fail",
) -> GateResult:
    """Whether the run in the folder `run` is as good as `baseline`, a folder or a baseline file, by `rules`.

    `accept` names what may differ, beside what the rules accept. Raises InputError if one of them can't be read, or if
    a rule or an accepted name makes no sense.
    """
    return judge(read_snapshot(run), read_snapshot(baseline), rules or Rules(), accept=accept, on_unknown=on_unknown)


def judge(
    run: Snapshot, baseline: Snapshot, rules: Rules, *, accept: Collection[str] = (), on_unknown: OnUnknown = "fail"
) -> GateResult:
    """The same for runs that were read."""
    accepted = {*accept, *rules.accept}
    check_accepted(accepted)
    if not baseline.rows:
        raise InputError("the baseline has no scores that could be checked, so everything would pass. Make a new one.")
    check_rules(rules, baseline)
    groups = {**run.groups, **baseline.groups}
    run, baseline = replace(run, groups=groups), replace(baseline, groups=groups)
    found = obstacles(run, baseline, rules.unscored_rise)
    refused = [one for one in found if one.accept not in accepted]
    if refused:
        return GateResult(
            outcome="not comparable", passed=False, obstacles=tuple(refused), summary=(_advice(len(refused)),)
        )
    checks = check(demands(rules, matched(run, baseline), baseline))
    if not checks:
        raise InputError("nothing is left that run and baseline have in common. Accept less, or make a new baseline.")
    by = Counter(one.outcome for one in checks)
    outcome: Literal["pass", "fail", "unknown"] = "fail" if by["fail"] else "unknown" if by["unknown"] else "pass"
    return GateResult(
        outcome=outcome,
        passed=outcome == "pass" or (outcome == "unknown" and on_unknown == "pass"),
        checks=tuple(checks),
        summary=(
            _counted(checks),
            *_unknown(by["unknown"], on_unknown),
            *_accepted(accepted, found),
            *_new(run, baseline),
            *_signatures(run, baseline),
        ),
    )


def _advice(reasons: int) -> str:
    return (
        f"The run can't be compared with the baseline for {count(reasons, 'reason', 'reasons')}: a difference would "
        " not be due to the change under test. Repeat the run with what the baseline has, accept a reason by its "
        "name, or make a new baseline with --update."
    )


def _counted(checks: list[Check]) -> str:
    by = Counter(one.outcome for one in checks)
    number = count(len(checks), "check", "checks")
    return (
        f"{number}: {by['fail']} failed, {by['unknown']} can't tell, {by['pass']} passed. "
        "Differences are paired by case and seed, with 95% intervals; a fall holds after Holm's correction over all."
    )


def _unknown(checks: int, on_unknown: OnUnknown) -> list[str]:
    if not checks:
        return []
    done = "passes" if on_unknown == "pass" else "does not pass"
    return [f"What can't be told {done}, as --on-unknown {on_unknown} says."]


def _accepted(accepted: Collection[str], found: Sequence[Obstacle]) -> list[str]:
    used = [f"Accepted: {one.reason}." for one in found if one.accept in accepted]
    idle = sorted(set(accepted) - {one.accept for one in found})
    return [*used, *([f"Accepted without need: {', '.join(idle)}."] if idle else [])]


def _new(run: Snapshot, baseline: Snapshot) -> list[str]:
    new = [variant for variant in run.variants if variant not in baseline.variants]
    return [f"Not in the baseline, so not checked: {', '.join(new)}."] if new else []


def _signatures(run: Snapshot, baseline: Snapshot) -> list[str]:
    if run.signature == baseline.signature:
        return []
    return [f"The runs were made differently: {run.signature} in the run, {baseline.signature} in the baseline."]
