"""Score rows arranged as one table for each split and metric: the cases and seeds of every variant.

Unscored is NaN here and never a number (invariant 4). Knows nothing of statistics.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from harness.comparison.records import ScoreRow
from harness.comparison.seeds import Floats
from harness.errors import InputError


@dataclass(frozen=True)
class Scores:
    """The scores of one variant: `values` is `(cases, seeds)` float64, NaN in all seeds of an unscored case."""

    seeds: tuple[int, ...]
    values: Floats

    def of(self, seeds: Iterable[int]) -> Floats:
        """The scores of these seeds only, `(cases, seeds)`; raises ValueError if one of them was not run."""
        values: Floats = self.values[:, [self.seeds.index(seed) for seed in seeds]]
        return values


@dataclass(frozen=True)
class ScoreTable:
    """The scores of one metric on one split by variant; `cases` names the rows of all of them."""

    split: str
    metric: str
    cases: tuple[str, ...]
    scores: Mapping[str, Scores]

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants in order."""
        return tuple(self.scores)

    def scored(self, variant: str) -> Floats:
        """The scores of `variant` on the cases that could be scored, `(scored cases, seeds)`."""
        return without_unscored(self.scores[variant].values)

    def unscored_share(self, variant: str) -> float:
        """Which share of the cases could not be scored, 0 to 1."""
        return (len(self.cases) - len(self.scored(variant))) / len(self.cases)

    def gap(self, a: str, b: str) -> Floats:
        """Score of `a` minus score of `b`, seed by seed: `(cases, common seeds)`, NaN where either is unscored.

        A variant with one seed, since nothing in it is drawn at random, meets every seed of the other.
        """
        first, second = self.scores[a], self.scores[b]
        if 1 in (len(first.seeds), len(second.seeds)):
            return first.values - second.values
        common = [seed for seed in first.seeds if seed in second.seeds]
        return first.of(common) - second.of(common)

    def difference(self, a: str, b: str) -> Floats:
        """Score of `a` minus score of `b` on the cases that are scored in both, `(common cases, common seeds)`."""
        return without_unscored(self.gap(a, b))


Tables = dict[tuple[str, str], ScoreTable]


def without_unscored(values: Floats) -> Floats:
    """The cases of `(cases, seeds)` that have a number in every seed."""
    return values[~np.isnan(values).any(axis=1)]


def tabulate(rows: Iterable[ScoreRow]) -> Tables:
    """The tables of `rows` by (split, metric): variants in the order in which they occur, cases and seeds sorted.

    Sorting keeps the bootstrap, which draws cases by place, independent of the order of the rows. A case that is
    unscored, or has no row, in any seed of a variant is unscored for that variant; its seeds are those of all its
    rows, whatever the split. Raises InputError if two rows score the same thing.
    """
    grouped: dict[tuple[str, str], list[ScoreRow]] = defaultdict(list)
    seeds: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        grouped[row.split, row.metric].append(row)
        seeds[row.variant].add(row.seed)
    ordered = {variant: tuple(sorted(found)) for variant, found in seeds.items()}
    return {key: _table(key, group, ordered) for key, group in grouped.items()}


def _table(key: tuple[str, str], rows: list[ScoreRow], seeds: Mapping[str, tuple[int, ...]]) -> ScoreTable:
    cases = {case: place for place, case in enumerate(sorted({row.case for row in rows}))}
    found: dict[str, dict[tuple[str, int], float | None]] = defaultdict(dict)
    for row in rows:
        if (row.case, row.seed) in found[row.variant]:
            raise InputError(
                f"{row.variant}, split {row.split}, case {row.case!r}, seed {row.seed}: {row.metric} is scored twice. "
                "Which of the two counts is unknown; score the run again."
            )
        found[row.variant][row.case, row.seed] = row.value
    scores = {variant: _scores(of_variant, cases, seeds[variant]) for variant, of_variant in found.items()}
    return ScoreTable(key[0], key[1], tuple(cases), scores)


def _scores(found: Mapping[tuple[str, int], float | None], cases: Mapping[str, int], seeds: tuple[int, ...]) -> Scores:
    values = np.full((len(cases), len(seeds)), np.nan)
    columns = {seed: column for column, seed in enumerate(seeds)}
    for (case, seed), value in found.items():
        values[cases[case], columns[seed]] = np.nan if value is None else value
    values[np.isnan(values).any(axis=1)] = np.nan
    return Scores(seeds, values)
