"""What a gate needs of one run, from its folder. Knows nothing of what is demanded of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness.comparison import (
    CASES_FILE,
    COMPARISON_FILE,
    COSTS_FILE,
    ROWS_FILE,
    BaseReference,
    Comparison,
    ScoreRow,
    SplitReference,
    SuiteReference,
    Tables,
    groups_of,
    primary_metrics,
    read_cases,
    read_comparison,
    read_rows,
    tabulate,
)
from harness.runs import RunFolder

QUALITY_METRICS = frozenset({"accuracy", "exact_match", "token_f1"})


@dataclass(frozen=True)
class Snapshot:
    """The scores of one run by the metrics that judge answers, and what they depend on.

    `metrics` tells by name what the numbers of a metric depend on, `groups` the group of a case by (split, case).
    Every split names its primary metric.
    """

    signature: str
    suite: SuiteReference
    base: BaseReference
    metrics: Mapping[str, str]
    splits: tuple[SplitReference, ...]
    rows: tuple[ScoreRow, ...]
    groups: Mapping[tuple[str, str], str]

    @cached_property
    def tables(self) -> Tables:
        """The scores as one table for each split and metric, in the order of the splits and metrics."""
        order = {split.name: place for place, split in enumerate(self.splits)}
        tables = tabulate(self.rows, self.groups)
        return {key: tables[key] for key in sorted(tables, key=lambda key: (order[key[0]], key[1]))}

    @property
    def variants(self) -> list[str]:
        """The variants that have scores, in order."""
        return list(dict.fromkeys(row.variant for row in self.rows))

    @property
    def primary(self) -> dict[str, str]:
        """The metric that decides on each split."""
        return {split.name: split.primary for split in self.splits}


def snapshot_of(folder: Path) -> Snapshot:
    """What a gate needs of the run in `folder`; raises InputError if it can't be read or isn't as it was written."""
    RunFolder.existing(folder).verify([COMPARISON_FILE, COSTS_FILE, ROWS_FILE, CASES_FILE])
    comparison = read_comparison(folder)
    splits = _splits(comparison)
    judged = {pair.metric for pair in comparison.pairs} or QUALITY_METRICS
    wanted = {*judged, *(split.primary for split in splits)}
    return Snapshot(
        signature=comparison.signature,
        suite=SuiteReference(
            name=comparison.suite.name, hash=comparison.suite.hash, template=comparison.suite.template
        ),
        base=comparison.base,
        metrics={name: told for name, told in comparison.metrics.items() if name in wanted},
        splits=splits,
        rows=tuple(row for row in read_rows(folder) if row.metric in wanted),
        groups=groups_of(read_cases(folder)),
    )


def _splits(comparison: Comparison) -> tuple[SplitReference, ...]:
    primary = primary_metrics(comparison.cells, comparison.splits)
    return tuple(split.model_copy(update={"primary": primary.get(split.name, "")}) for split in comparison.splits)
