"""Score rows arranged as one table of cases by variants for each split and metric.

Unscored is NaN here and never a number (invariant 4). Knows nothing of statistics.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from harness.comparison.bootstrap import Floats
from harness.comparison.records import ScoreRow
from harness.errors import InputError


@dataclass(frozen=True)
class ScoreTable:
    """The scores of one metric on one split: `values` is `(cases, variants)` float64, NaN where unscored."""

    split: str
    metric: str
    cases: tuple[str, ...]
    variants: tuple[str, ...]
    values: Floats

    def column(self, variant: str) -> Floats:
        """The scores of `variant`, `(cases,)`, NaN where unscored; raises ValueError if it has none."""
        column: Floats = self.values[:, self.variants.index(variant)]
        return column

    def scored(self, variant: str) -> Floats:
        """The scores of `variant` on the cases that could be scored, `(scored cases,)`."""
        return without_unscored(self.column(variant))

    def unscored_share(self, variant: str) -> float:
        """Which share of the cases could not be scored, 0 to 1."""
        return (len(self.cases) - len(self.scored(variant))) / len(self.cases)

    def difference(self, a: str, b: str) -> Floats:
        """Score of `a` minus score of `b` on the cases that are scored in both, `(common cases,)`."""
        return without_unscored(self.column(a) - self.column(b))


Tables = dict[tuple[str, str], ScoreTable]


def without_unscored(values: Floats) -> Floats:
    """The values that are numbers."""
    return values[~np.isnan(values)]


def tabulate(rows: Iterable[ScoreRow]) -> Tables:
    """The tables of `rows` by (split, metric): variants in the order in which they occur, cases by name.

    Sorting the cases keeps the bootstrap, which draws them by place, independent of the order of the rows.
    Seeds are averaged case by case. A case that is unscored, or has no row, in any seed of a variant is
    unscored for that variant. Raises InputError if two rows score the same thing.
    """
    grouped: dict[tuple[str, str], list[ScoreRow]] = defaultdict(list)
    for row in rows:
        grouped[row.split, row.metric].append(row)
    return {key: _table(key, group) for key, group in grouped.items()}


def _table(key: tuple[str, str], rows: list[ScoreRow]) -> ScoreTable:
    cases = {case: place for place, case in enumerate(sorted({row.case for row in rows}))}
    scores: dict[str, dict[int, dict[str, float | None]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        of_seed = scores[row.variant][row.seed]
        if row.case in of_seed:
            raise InputError(
                f"{row.variant}, split {row.split}, case {row.case!r}, seed {row.seed}: {row.metric} is scored twice. "
                "Which of the two counts is unknown; score the run again."
            )
        of_seed[row.case] = row.value
    values = np.full((len(cases), len(scores)), np.nan)
    for column, by_seed in enumerate(scores.values()):
        seeds = np.full((len(by_seed), len(cases)), np.nan)
        for line, of_seed in enumerate(by_seed.values()):
            for case, value in of_seed.items():
                seeds[line, cases[case]] = np.nan if value is None else value
        values[:, column] = seeds.mean(axis=0)
    return ScoreTable(key[0], key[1], tuple(cases), tuple(scores), values)
