"""Score rows arranged as one table for each split and metric: the cases and seeds of every variant.

Unscored is NaN here and never a number (invariant 4). Knows nothing of statistics, and of why cases are grouped.
"""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import nan

import numpy as np

from harness.comparison.records.rows import ScoreRow
from harness.comparison.statistics.samples import Floats, Groups, Sample
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
    """The scores of one metric on one split by variant; `cases` names the rows of all of them.

    `groups` `(cases,)` says what each case belongs to, with the same numbers in all tables of a run.
    """

    split: str
    metric: str
    cases: tuple[str, ...]
    groups: Groups
    scores: Mapping[str, Scores]

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants in order."""
        return tuple(self.scores)

    def scored(self, variant: str) -> Sample:
        """The scores of `variant` on the cases that could be scored."""
        return Sample(self.scores[variant].values, self.groups, lowest=0.0).without_unscored()

    def unscored_share(self, variant: str) -> float:
        """Which share of the cases could not be scored, 0 to 1."""
        return (len(self.cases) - len(self.scored(variant))) / len(self.cases)

    def gap(self, a: str, b: str) -> Sample:
        """Score of `a` minus score of `b` on every case, seed by seed, NaN where either is unscored.

        A variant with one seed, since nothing in it is drawn at random, meets every seed of the other. Without a common
        seed all is NaN.
        """
        first, second = self.scores[a], self.scores[b]
        if 1 in (len(first.seeds), len(second.seeds)):
            return Sample(first.values - second.values, self.groups)
        common = [seed for seed in first.seeds if seed in second.seeds]
        if not common:
            return Sample(np.full((len(self.cases), 1), np.nan), self.groups)
        return Sample(first.of(common) - second.of(common), self.groups)

    def difference(self, a: str, b: str) -> Sample:
        """Score of `a` minus score of `b` on the cases that are scored in both, over their common seeds."""
        return self.gap(a, b).without_unscored()


Tables = dict[tuple[str, str], ScoreTable]


def tabulate(rows: Iterable[ScoreRow], groups: Mapping[tuple[str, str], str] | None = None) -> Tables:
    """The tables of `rows` by (split, metric): variants in the order in which they occur, cases and seeds sorted.

    `groups` names the group of a case by (split, case); a case without one is a group of its own. Sorting keeps the
    bootstrap, which draws by place, independent of the order of the rows. A case that is unscored, or has no row, in
    any seed of a variant is unscored for that variant; its seeds are those of all its rows, whatever the split. `rows`
    are read once and none is kept. Raises InputError if two rows score the same thing.
    """
    columns: dict[tuple[str, str], dict[str, _Column]] = defaultdict(lambda: defaultdict(_Column))
    for row in rows:
        columns[row.split, row.metric][row.variant].add(row)
    seeds: dict[str, set[int]] = defaultdict(set)
    cases: dict[str, set[str]] = defaultdict(set)
    for (split, _), by_variant in columns.items():
        for variant, column in by_variant.items():
            seeds[variant].update(column.seeds)
            cases[split].update(column.cases)
    ordered = {variant: tuple(sorted(found)) for variant, found in seeds.items()}
    numbers = _numbers({(split, case) for split, found in cases.items() for case in found}, groups or {})
    return {key: _table(key, by_variant, ordered, numbers) for key, by_variant in columns.items()}


class _Column:
    """The rows of one variant on one split by one metric, in as little memory as millions of them need."""

    def __init__(self) -> None:
        self.cases: list[str] = []
        self.seeds = array("q")
        self.values = array("d")

    def add(self, row: ScoreRow) -> None:
        self.cases.append(row.case)
        self.seeds.append(row.seed)
        self.values.append(nan if row.value is None else row.value)


def _numbers(cases: Iterable[tuple[str, str]], groups: Mapping[tuple[str, str], str]) -> dict[tuple[str, str], int]:
    """One number for each case by (split, case); the same for those of one group."""
    names = {case: ("group", groups[case]) if groups.get(case) else ("case", *case) for case in cases}
    places = {name: place for place, name in enumerate(sorted(set(names.values())))}
    return {case: places[name] for case, name in names.items()}


def _table(
    key: tuple[str, str],
    columns: Mapping[str, _Column],
    seeds: Mapping[str, tuple[int, ...]],
    numbers: Mapping[tuple[str, str], int],
) -> ScoreTable:
    cases = sorted({case for column in columns.values() for case in column.cases})
    places = {case: place for place, case in enumerate(cases)}
    scores = {variant: _scores(key, variant, column, places, seeds[variant]) for variant, column in columns.items()}
    groups = np.array([numbers[key[0], case] for case in cases], dtype=np.int64)
    return ScoreTable(key[0], key[1], tuple(cases), groups, scores)


def _scores(
    key: tuple[str, str], variant: str, column: _Column, places: Mapping[str, int], seeds: tuple[int, ...]
) -> Scores:
    of_case = np.fromiter((places[case] for case in column.cases), dtype=np.int64, count=len(column.cases))
    of_seed = np.searchsorted(seeds, column.seeds)
    times = np.bincount(of_case * len(seeds) + of_seed, minlength=len(places) * len(seeds))
    if times.max() > 1:
        place, seed = divmod(int(times.argmax()), len(seeds))
        raise InputError(
            f"{variant}, split {key[0]}, case {list(places)[place]!r}, seed {seeds[seed]}: {key[1]} is scored twice. "
            "Which of the two counts is unknown; score the run again."
        )
    values = np.full((len(places), len(seeds)), np.nan)
    values[of_case, of_seed] = column.values
    values[np.isnan(values).any(axis=1)] = np.nan
    return Scores(seeds, values)
