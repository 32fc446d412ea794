"""Two curves of learning against forgetting, held against each other where they have learnt the same.

A curve is the points of one method at several learning rates. A point says little: a method may forget more only
because it was trained harder. Knows nothing of methods and rates.
"""

from collections.abc import Sequence

import numpy as np

from harness.comparison.statistics.samples import Floats

LEVELS = 101


def at_matched_learning(first: Sequence[float], second: Sequence[float]) -> tuple[Floats, Floats] | None:
    """The weights `(points,)` of the points of both curves whose weighted sums are compared at matched learning.

    `first` and `second` are what the points learnt, by rising learning rate. With these weights, the sum of any other
    score of the points is the mean height of their curve over all levels of learning that both curves reach, linear
    between neighbouring points. What comes after the point that learnt the most is left out: those rates are too high
    to be chosen. None where no level is reached by both.
    """
    rising = [_rising(np.asarray(curve, dtype=np.float64)) for curve in (first, second)]
    low = max(learnt.min() for learnt in rising)
    high = min(learnt.max() for learnt in rising)
    if low >= high:
        return None
    levels = np.linspace(low, high, LEVELS)
    weights = [_weights(learnt, levels, len(curve)) for learnt, curve in zip(rising, (first, second), strict=True)]
    return weights[0], weights[1]


def _rising(learnt: Floats) -> Floats:
    return learnt[: int(learnt.argmax()) + 1]


def _weights(learnt: Floats, levels: Floats, points: int) -> Floats:
    """How much each of the points counts in the mean of the curve over `levels`; those left out count nothing."""
    order = np.argsort(learnt, kind="stable")
    weights = np.zeros(points)
    for place, unit in zip(order, np.eye(len(learnt)), strict=True):
        weights[place] = np.interp(levels, learnt[order], unit).mean()
    return weights
