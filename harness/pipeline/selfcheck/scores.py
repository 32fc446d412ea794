"""The scores of several runs of one suite side by side, so that what was trained in different runs can be compared.

Knows nothing of what the variants are.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from harness.comparison import Sample, ScoreRow, ScoreTable, groups_of, primary_metrics, read_cases, read_rows, tabulate
from harness.pipeline.compare import Result

NOTHING = Sample.of([])


@dataclass(frozen=True)
class Arm:
    """A variant of one run."""

    run: str
    variant: str

    def __str__(self) -> str:
        return f"{self.run}: {self.variant}"


@dataclass(frozen=True)
class Scores:
    """One table a split, by its primary metric; its variants are arms."""

    tables: dict[str, ScoreTable]

    @classmethod
    def of(cls, results: Mapping[str, Result]) -> "Scores":
        """The scores of runs of one suite, by name."""
        rows: list[ScoreRow] = []
        groups: dict[tuple[str, str], str] = {}
        primary: dict[str, str] = {}
        for name, result in results.items():
            rows += [replace(row, variant=str(Arm(name, row.variant))) for row in read_rows(result.run)]
            groups |= groups_of(read_cases(result.run))
            primary |= primary_metrics(result.comparison.cells, result.comparison.splits)
        tables = tabulate(rows, groups)
        return cls({split: tables[split, metric] for split, metric in primary.items()})

    def gap(self, a: Arm, b: Arm, split: str, cases: Collection[str] | None = None) -> Sample:
        """Score of `a` minus score of `b` on each case that both have scored, of `cases` if they are given.

        An empty sample where one of the two could not be made.
        """
        table = self.tables[split]
        if not {str(a), str(b)} <= set(table.variants):
            return NOTHING
        gap = table.gap(str(a), str(b))
        if cases is not None:
            chosen = np.isin(table.cases, list(cases))
            gap = Sample(gap.values[chosen], gap.groups[chosen])
        return gap.without_unscored()

    def mean(self, arm: Arm, split: str) -> float | None:
        """The mean score of `arm`; None where it could not be made, or nothing is scored."""
        table = self.tables[split]
        scored = table.scored(str(arm)) if str(arm) in table.variants else NOTHING
        return scored.mean() if len(scored) else None

    def sum(self, weights: dict[Arm, float], split: str) -> Sample:
        """The scores of several arms on each case that all have scored, each times its weight, added up."""
        table = self.tables[split]
        arms = [(table.scores[str(arm)].values, weight) for arm, weight in weights.items()]
        values = np.sum([weight * scores for scores, weight in arms], axis=0)
        return Sample(values, table.groups).without_unscored()
