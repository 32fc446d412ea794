"""Scores as statistics sees them: numbers, and which of them are not independent. Knows nothing of what was scored."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Groups = NDArray[np.int64]


@dataclass(frozen=True)
class Sample:
    """Scores, or differences of scores, of cases: `values` is `(cases, seeds)` float64.

    `groups` `(cases,)` says what each case belongs to. Cases of one group are drawn together, in this sample and in
    every other one that has cases of it; a case that shares nothing has a group of its own. `lowest` is the least value
    that a case could have: -1 for differences of scores, 0 for scores; the greatest is 1 for both.
    """

    values: Floats
    groups: Groups
    lowest: float = -1.0

    @classmethod
    def of(
        cls,
        values: Sequence[float] | Floats,
        groups: Sequence[int] | Groups | None = None,
        *,
        lowest: float = -1.0,
    ) -> "Sample":
        """`values` `(cases,)` or `(cases, seeds)` as a sample; without `groups` every case is a group of its own.

        Those own groups are numbered from 0: two samples that are made so are samples of the same cases.
        """
        table = np.asarray(values, dtype=np.float64)
        table = table[:, None] if table.ndim == 1 else table
        return cls(table, np.arange(len(table)) if groups is None else np.asarray(groups, dtype=np.int64), lowest)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def seeds(self) -> int:
        """How many seeds every case has."""
        return int(self.values.shape[1])

    @property
    def averaged(self) -> Floats:
        """Each case averaged over its seeds, `(cases,)`."""
        average: Floats = self.values.mean(axis=1)
        return average

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the greatest value that a case could have, or has."""
        return min(self.lowest, float(self.values.min())), max(1.0, float(self.values.max()))

    @cached_property
    def group_sizes(self) -> tuple[Groups, Groups]:
        """The groups that occur and how many cases each has, `(groups,)` each."""
        groups, sizes = np.unique(self.groups, return_counts=True)
        return groups, sizes

    @cached_property
    def effective_groups(self) -> float:
        """How many groups of one size would tell as much: `(cases)^2 / sum of squared group sizes`.

        Source: Kish, "Survey sampling" (1965), 11.7; as for clusters in Carter, Schnepel & Steigerwald, "Asymptotic
        behavior of a t test robust to cluster heterogeneity", Review of Economics and Statistics 99 (2017).
        """
        _, sizes = self.group_sizes
        return float(sizes.sum() ** 2 / (sizes**2).sum())

    def mean(self) -> float:
        """The mean over cases and seeds."""
        return float(self.values.mean())

    def without_unscored(self) -> "Sample":
        """The cases that have a number in every seed."""
        kept = ~np.isnan(self.values).any(axis=1)
        return self if kept.all() else replace(self, values=self.values[kept], groups=self.groups[kept])


Quantity = Sequence[Sample]
"""What is estimated: samples of which the means are added up with weights, see `bootstrap`."""
