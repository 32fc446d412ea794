"""What a macro mean is made of: the samples of one variant, or of a pair, on several splits of the same weight.

None where a variant has no scored case on one of them: a mean over other splits would be another quantity. Knows
nothing of what is concluded.
"""

from collections.abc import Sequence

from harness.comparison.records.base import Mean
from harness.comparison.statistics.bootstrap import Interval
from harness.comparison.statistics.samples import Sample
from harness.comparison.table import ScoreTable


def scored(variant: str, tables: Sequence[ScoreTable]) -> list[Sample] | None:
    """The scores of `variant` on each of the `tables`; None if it has none on one, or if there are no tables."""
    measured = all(variant in table.variants for table in tables)
    return _complete([table.scored(variant) for table in tables] if measured else [])


def paired(a: str, b: str, tables: Sequence[ScoreTable]) -> list[Sample] | None:
    """The paired differences `a - b` on each of the `tables`; None if one has no case that both have scored."""
    measured = all({a, b} <= set(table.variants) for table in tables)
    return _complete([table.difference(a, b) for table in tables] if measured else [])


def as_mean(interval: Interval) -> Mean:
    """`interval` as a record."""
    return Mean(value=interval.value, low=interval.low, high=interval.high)


def _complete(samples: list[Sample]) -> list[Sample] | None:
    return samples if samples and all(len(sample) for sample in samples) else None
