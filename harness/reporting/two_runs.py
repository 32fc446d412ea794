"""Two runs held beside each other: what they say, how they were made, and what changed. Knows nothing of layout."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.comparison import (
    CASES_FILE,
    ROWS_FILE,
    Cell,
    Comparison,
    Judged,
    Lookup,
    SplitReference,
    VariantReference,
    groups_of,
    read_cases,
    read_rows,
)
from harness.comparison.findings.between import Changes, changes
from harness.reporting.reading import read_run
from harness.runs import RunFolder


@dataclass(frozen=True)
class TwoRuns:
    """Two comparisons by name; `changes` are the paired ones of the metrics that decide in the first.

    There are none where the runs didn't ask the same cases.
    """

    names: tuple[str, str]
    first: Comparison
    second: Comparison
    changes: Changes


@dataclass(frozen=True)
class Both:
    """One variant on one split in both runs; `change` is paired, None where it could not be."""

    first: Cell
    second: Cell
    change: Judged | None


def read_two_runs(first: Path, second: Path) -> TwoRuns:
    """The runs in two folders; raises InputError if one can't be read.

    Changes are paired only where both asked the same suite, as its content hash says: then cases of the same name are
    the same.
    """
    comparisons = read_run(first), read_run(second)
    found: Changes = {}
    if comparisons[0].suite.hash == comparisons[1].suite.hash:
        for run in (first, second):
            RunFolder.existing(run).verify([ROWS_FILE, CASES_FILE])
        primary = Lookup(comparisons[0]).primary
        before, after = (
            [row for row in read_rows(run) if row.metric == primary.get(row.split)] for run in (first, second)
        )
        found = changes(before, after, groups_of(read_cases(first)), margin=comparisons[0].margin)
    names = (first.name, second.name) if first.name != second.name else (str(first), str(second))
    return TwoRuns(names, *comparisons, found)


def both(runs: TwoRuns) -> dict[tuple[str, str], Both]:
    """What both runs have a mean of, by variant and split, by the metric that decides in the first."""
    lookups = Lookup(runs.first), Lookup(runs.second)
    found = {}
    for split, metric in lookups[0].primary.items():
        for variant in runs.first.variants:
            cells = [lookup.cell(variant.name, split, metric) for lookup in lookups]
            if cells[0] and cells[1] and None not in (cells[0].mean, cells[1].mean):
                change = runs.changes.get((variant.name, split, metric))
                found[variant.name, split] = Both(cells[0], cells[1], change)
    return found


def settings(runs: TwoRuns) -> list[tuple[str, str, str]]:
    """The parts of the two signatures that differ: what it is, and how it stands in either run, `-` for not at all."""
    first, second = (_parts(comparison.signature) for comparison in (runs.first, runs.second))
    names = list(dict.fromkeys([*first, *second]))
    return [
        (name, first.get(name, "-"), second.get(name, "-")) for name in names if first.get(name) != second.get(name)
    ]


def only(runs: TwoRuns) -> list[tuple[str, str, list[str]]]:
    """What only one of the runs has: which run, variants or splits, and their names."""
    found = []
    for name, here, there in ((runs.names[0], runs.first, runs.second), (runs.names[1], runs.second, runs.first)):
        for what, mine, others in (
            ("variants", _names(here.variants), _names(there.variants)),
            ("splits", _names(here.splits), _names(there.splits)),
        ):
            missing = [one for one in mine if one not in others]
            if missing:
                found.append((name, what, missing))
    return found


def _parts(signature: str) -> dict[str, str]:
    return {name: value for name, _, value in (part.partition(":") for part in signature.split("|"))}


def _names(records: Sequence[VariantReference] | Sequence[SplitReference]) -> list[str]:
    return [record.name for record in records]
