"""Many comparisons at once: which conclusions remain when luck had many chances.

Holm's correction within a family of questions, Benjamini and Hochberg's across an exploration.

Knows nothing of what is compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.comparison.statistics.bootstrap import Difference

ALPHA = 0.05


@dataclass(frozen=True)
class Judged(Difference):
    """A difference judged within its family, by p values that are adjusted for the family's size.

    It may be both better and equal: surely above zero, and surely by less than the margin.
    """

    p_adjusted: float
    p_equivalent_adjusted: float

    @property
    def worse(self) -> bool:
        """Whether it lies significantly below zero."""
        return self.p_adjusted < ALPHA and self.value < 0

    @property
    def better(self) -> bool:
        """Whether it lies significantly above zero."""
        return self.p_adjusted < ALPHA and self.value > 0

    @property
    def equal(self) -> bool:
        """Whether it is shown to lie within the margin around zero."""
        return self.p_equivalent_adjusted < ALPHA


def holm(p_values: Sequence[float]) -> list[float]:
    """The p values adjusted by Holm's step-down procedure, in the order given.

    The k-th smallest of m is multiplied by m - k + 1, never falls below the one before it and never rises
    above 1. Source: Holm, "A simple sequentially rejective multiple test procedure" (1979); same as R's
    `p.adjust(p, "holm")`.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return [float(value) for value in adjusted]


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """The p values adjusted so that calling those below a level holds the share of false calls to that level.

    Source: Benjamini & Hochberg, "Controlling the false discovery rate" (1995); same as R's `p.adjust(p, "BH")`.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(-p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(p[order] * len(p) / np.arange(len(p), 0, -1)))
    return [float(value) for value in adjusted]


def judge(family: Sequence[Difference], *, among: int = 0) -> list[Judged]:
    """The differences of one family with their p values adjusted for its size.

    Where the scores themselves chose what is compared, such as everyone with the best, the family is that of all that
    could have been chosen: so many are `among`. Those that weren't count as p values of 1. What was chosen for being
    far apart is no more likely to be equal, so that `p_equivalent` needs no such correction.
    """
    others = [1.0] * max(0, among - len(family))
    different = holm([*(found.p for found in family), *others])[: len(family)]
    equivalent = holm([found.p_equivalent for found in family])
    return [
        Judged(**vars(found), p_adjusted=p, p_equivalent_adjusted=q)
        for found, p, q in zip(family, different, equivalent, strict=True)
    ]
