"""How much a variant falls from one split to another, and whether one falls more than another.

Pure functions over score tables; knows nothing of what the splits are.
"""

from collections.abc import Mapping

from harness.comparison.bootstrap import Difference, differences
from harness.comparison.seeds import Floats, Quantity
from harness.comparison.table import ScoreTable, without_unscored
from harness.errors import InputError


def drop(
    variant: str, before: ScoreTable, after: ScoreTable, *, pairing: Mapping[str, str] | None = None
) -> Difference:
    """Mean score of `variant` on `before` minus its mean on `after`: positive where it falls.

    With `pairing` (case of `before` to case of `after`) cases are resampled in couples, otherwise the two
    splits are resampled independently. Seeds belong together: the same trained model answers on both splits.
    Raises InputError where nothing is left to compare.
    """
    return _drop(before.scores[variant].values, after.scores[variant].values, before, after, pairing)


def difference_of_drops(
    a: str, b: str, before: ScoreTable, after: ScoreTable, *, pairing: Mapping[str, str] | None = None
) -> Difference:
    """Drop of `a` minus drop of `b`: positive where `a` falls more. The variants are paired case by case.

    `pairing` and errors are as for `drop`.
    """
    return _drop(before.gap(a, b), after.gap(a, b), before, after, pairing)


def _drop(
    first: Floats, second: Floats, before: ScoreTable, after: ScoreTable, pairing: Mapping[str, str] | None
) -> Difference:
    """Mean of `first` `(cases of before, seeds)` minus mean of `second` `(cases of after, seeds)`, NaN left out."""
    quantity: Quantity = [without_unscored(first), without_unscored(second)]
    weights = [1.0, -1.0]
    if pairing is not None:
        rows, columns = _couples(before, after, pairing)
        quantity, weights = [without_unscored(first[rows] - second[columns])], [1.0]
    if not all(len(sample) for sample in quantity):
        raise InputError(
            f"splits {before.split!r} and {after.split!r} have no scored cases to compare by {before.metric}. "
            "Look at the unscored cases in scores.jsonl, and at the pairing if there is one."
        )
    return differences([quantity], weights=weights)[0]


def _couples(before: ScoreTable, after: ScoreTable, pairing: Mapping[str, str]) -> tuple[list[int], list[int]]:
    """Where the coupled cases stand in `before` and in `after`; a case that stands in neither is passed over."""
    there = {case: place for place, case in enumerate(after.cases)}
    couples = [(place, there[pairing[case]]) for place, case in enumerate(before.cases) if pairing.get(case) in there]
    return [couple[0] for couple in couples], [couple[1] for couple in couples]
