"""Reads what is reported on: a run's comparison, decided anew where other requirements are stated."""

from pathlib import Path

from harness.comparison import (
    CASES_FILE,
    ROWS_FILE,
    Comparison,
    Constraints,
    Prices,
    groups_of,
    read_cases,
    read_comparison,
    read_rows,
    redecide,
)
from harness.runs import RunFolder


def read_run(folder: Path, constraints: Constraints | None = None, prices: Prices | None = None) -> Comparison:
    """The comparison of the run `folder`; with `constraints` or `prices`, its verdict under those.

    Raises InputError if the run can't be read or a file of it isn't as it was written, and for requirements that name
    what there isn't.
    """
    run = RunFolder.existing(folder)
    run.verify()
    comparison = read_comparison(folder)
    if prices is None and constraints in (None, Constraints()):
        return comparison
    run.verify([ROWS_FILE, CASES_FILE])
    groups = groups_of(read_cases(folder))
    return redecide(comparison, read_rows(folder), groups, constraints=constraints, prices=prices or comparison.prices)
