"""Holds a run against a baseline: whether the same variants on the same cases got worse.

Knows nothing of exit codes and of how the result is shown.
"""

from collections import Counter
from pathlib import Path

from harness.comparison import read_comparison, read_rows, tabulate
from harness.gate.checks import check, match
from harness.gate.comparable import check_comparable
from harness.gate.records import Check, GateResult
from harness.gate.rules import QUALITY_METRICS, Rules


def gate(run_folder: Path, baseline_folder: Path, rules: Rules | None = None) -> GateResult:
    """Whether the run in `run_folder` is as good as the one in `baseline_folder`, by `rules`.

    Checked is every variant of the baseline on every split by each metric that the baseline compared in
    pairs (by accuracy, exact match and token F1 if it has no pairs). A check fails if the paired difference
    is significantly below zero, with Holm's correction over all checks, or if too many cases more are
    unscored. Raises InputError if a run can't be read, NotComparableError with all reasons if the run lacks
    something that the baseline has.
    """
    run, baseline = read_comparison(run_folder), read_comparison(baseline_folder)
    metrics = {pair.metric for pair in baseline.pairs} or QUALITY_METRICS
    expected = [row for row in read_rows(baseline_folder) if row.metric in metrics]
    rows = [row for row in read_rows(run_folder) if row.metric in metrics]
    check_comparable(run, baseline, rows, expected)
    tables = tabulate(rows)
    matched = [pair for table in tabulate(expected).values() for pair in match(table, tables)]
    checks = check(matched, rules or Rules())
    failed = any(one.failed for one in checks)
    seeds = max((pair.seeds for pair in matched), default=1)
    return GateResult(outcome="regression" if failed else "pass", checks=checks, summary=_summary(checks, seeds))


def _summary(checks: list[Check], seeds: int) -> list[str]:
    paired = "case" if seeds == 1 else f"case and seed ({seeds} seeds that both runs have)"
    count = Counter(one.finding for one in checks)
    return [
        f"{len(checks)} checks: {count['worse']} significantly worse, {count['unscored']} with too many unscored "
        f"cases more, {count['better']} significantly better, {count['same']} without a significant difference.",
        f"Differences are paired by {paired}, with 95% bootstrap intervals and Holm's correction over all checks.",
    ]
