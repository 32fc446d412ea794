"""How sure is a mean, or a difference of means? The nonparametric bootstrap over cases, vectorised.

Knows nothing of variants, splits or metrics: it sees samples without NaN, float64 `(cases, seeds)` each, or
`(cases,)` for one seed. Cases are resampled here; what the seeds add stands in `seeds`.

A *quantity* is a weighted sum of the means of independent samples: one sample is a plain mean, five with
equal weights are a macro mean over five splits, two with weights 1 and -1 are a drop. Samples of the same
size in the same place share their resamples, so that every variant and metric on a split is resampled alike.

Source: Efron & Tibshirani, "An Introduction to the Bootstrap" (1993), percentile interval (chapter 13) and
achieved significance level (chapter 15), two-sided with the +1 correction of Davison & Hinkley (1997), 4.2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from harness.comparison.seeds import Floats, Quantity, averaged, with_seeds

RESAMPLES = 10_000
SEED = 20_240_229
LEVEL = 0.95
_CHUNK = 2_000_000  # drawn cases held at once, one byte each
_BLOCK = 64  # quantities resampled at once


@dataclass(frozen=True)
class Interval:
    """An estimate with the bounds of its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference(Interval):
    """A difference with its 95% interval and the two-sided `p` of "there is no difference"."""

    p: float


def resamples_for(comparisons: int) -> int:
    """How many resamples `comparisons` tests in one family need so that correction can't hide any of them.

    The least possible p is 2 / (resamples + 1); Holm multiplies it by up to `comparisons`. 200 resamples a
    comparison keep that product near 0.01.
    """
    return max(RESAMPLES, 200 * comparisons)


@lru_cache(maxsize=32)
def _counts(cases: int, stream: int, chunk: int) -> NDArray[np.uint8]:
    """How often each case is drawn, `(resamples of this chunk, cases)`; depends on the arguments alone."""
    rows = max(1, _CHUNK // cases)
    drawn = np.random.default_rng([SEED, cases, stream, chunk]).integers(cases, size=(rows, cases))
    drawn += np.arange(rows)[:, None] * cases
    return np.bincount(drawn.ravel(), minlength=rows * cases).reshape(rows, cases).astype(np.uint8)


def resampled_means(samples: Sequence[Floats], *, resamples: int = RESAMPLES, stream: int = 0) -> Floats:
    """The mean of each sample `(cases,)` in each resample, `(resamples, samples)`.

    Samples of the same size share the drawn cases. Different `stream`s draw independently. Raises
    ValueError if a sample is empty.
    """
    if not all(len(sample) for sample in samples):
        raise ValueError("an empty sample has no mean")
    means = np.empty((resamples, len(samples)))
    for cases in {len(sample) for sample in samples}:
        places = [place for place, sample in enumerate(samples) if len(sample) == cases]
        columns = np.stack([samples[place] for place in places], axis=1)
        rows = max(1, _CHUNK // cases)
        for chunk, start in enumerate(range(0, resamples, rows)):
            counts = _counts(cases, stream, chunk)[: resamples - start]
            means[start : start + rows, places] = counts.astype(np.float64) @ columns / cases
    return means


def _estimates(quantities: Sequence[Quantity], weights: Sequence[float], resamples: int) -> tuple[Floats, Floats]:
    """The value of each quantity `(quantities,)` and its resamples `(resamples, quantities)`."""
    values = np.zeros(len(quantities))
    resampled = np.zeros((resamples, len(quantities)))
    for stream, weight in enumerate(weights):
        samples = [averaged(quantity[stream]) for quantity in quantities]
        values += weight * np.array([sample.mean() for sample in samples])
        resampled += weight * resampled_means(samples, resamples=resamples, stream=stream)
    resampled = with_seeds(resampled, quantities, weights)
    return values, resampled.round(12)  # so that an exact tie is one whatever the order of summation


def _bounds(resampled: Floats) -> Floats:
    """The percentile interval of each column of `resampled`, `(2, quantities)`."""
    bounds: Floats = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return bounds


def two_sided_p(resampled: Floats) -> Floats:
    """`min(1, 2 * min(#(d <= 0) + 1, #(d >= 0) + 1) / (B + 1))` of each column of `(B, quantities)`."""
    below = (resampled <= 0).sum(axis=0) + 1
    above = (resampled >= 0).sum(axis=0) + 1
    p: Floats = np.minimum(1.0, 2 * np.minimum(below, above) / (len(resampled) + 1))
    return p


def differences(
    quantities: Sequence[Quantity], *, weights: Sequence[float] | None = None, resamples: int | None = None
) -> list[Difference]:
    """Each quantity with its interval and p; the samples are differences already paired case by case.

    `weights` (default: equal ones that sum to 1) has one number for each sample of a quantity; `resamples`
    defaults to what a family of this many needs.
    """
    count = resamples_for(len(quantities)) if resamples is None else resamples
    found: list[Difference] = []
    for start in range(0, len(quantities), _BLOCK):
        block = quantities[start : start + _BLOCK]
        values, resampled = _estimates(block, weights or _equal(block), count)
        columns = zip(values, *_bounds(resampled), two_sided_p(resampled), strict=True)
        found += [Difference(*map(float, column)) for column in columns]
    return found


def mean_intervals(quantities: Sequence[Quantity]) -> list[Interval]:
    """Each quantity, the plain or macro mean of its samples, with its interval."""
    return [Interval(found.value, found.low, found.high) for found in differences(quantities, resamples=RESAMPLES)]


def _equal(quantities: Sequence[Quantity]) -> list[float]:
    parts = len(quantities[0])
    return [1 / parts] * parts
