"""Many comparisons at once: which differences remain when luck had many chances? Holm's correction.

Knows nothing of what is compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.comparison.bootstrap import Difference

ALPHA = 0.05


@dataclass(frozen=True)
class Judged(Difference):
    """A difference judged within its family: significant if `p_adjusted` is below 0.05, else a tie."""

    p_adjusted: float

    @property
    def worse(self) -> bool:
        """Whether it lies significantly below zero."""
        return self.p_adjusted < ALPHA and self.value < 0

    @property
    def better(self) -> bool:
        """Whether it lies significantly above zero."""
        return self.p_adjusted < ALPHA and self.value > 0


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


def judge(family: Sequence[Difference]) -> list[Judged]:
    """The differences of one family with their p values adjusted for its size."""
    adjusted = holm([found.p for found in family])
    return [Judged(found.value, found.low, found.high, found.p, p) for found, p in zip(family, adjusted, strict=True)]
