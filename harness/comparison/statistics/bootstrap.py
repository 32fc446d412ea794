"""How sure is a mean, or a difference of means? Intervals and p values from resampled means, vectorised.

Knows nothing of variants, splits or metrics: it sees samples without NaN. How cases are drawn stands in `resampling`,
what the seeds add in `seeds`, what few groups or seeds do to the tails in `tails`.

A *quantity* is a weighted sum of the means of samples: one sample is a plain mean, five with equal weights are a macro
mean over five splits, two with weights 1 and -1 are a drop. Samples that share groups are drawn together.

Source: the expanded percentile interval of Hesterberg, "What teachers should know about the bootstrap", The American
Statistician 69 (2015), and the achieved significance level that belongs to it, two-sided with the +1 correction of
Davison & Hinkley, "Bootstrap methods and their application" (1997), 4.2: a p below 0.05 and an interval without 0 are
one and the same. `docs/statistics.md` has the coverage by simulation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np

from harness.comparison.statistics.resampling import pseudo_values, resampled_means
from harness.comparison.statistics.samples import Floats, Quantity
from harness.comparison.statistics.seeds import joint_freedom, seed_variance, widened
from harness.comparison.statistics.tails import degrees_of_freedom

RESAMPLES = 10_000
LEVEL = 0.95
MARGIN = 0.03  # differences below it count as none, unless a run says otherwise
_BLOCK = 128  # quantities resampled at once, 80 kB each for 10,000 resamples


@dataclass(frozen=True)
class Interval:
    """An estimate with the bounds of its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference(Interval):
    """A difference with its 95% interval, and the p values of what it may be claimed to be.

    `p` is that of "there is no difference", two-sided; `p_equivalent` that of "it is the margin or more, in either
    direction": the larger one of two one-sided tests (Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15,
    1987).
    """

    p: float
    p_equivalent: float


def resamples_for(comparisons: int) -> int:
    """How many resamples `comparisons` tests in one family need so that correction can't hide any of them.

    The least possible p is 2 / (resamples + 1); Holm multiplies it by up to `comparisons`. 200 resamples a
    comparison keep that product near 0.01.
    """
    return max(RESAMPLES, 200 * comparisons)


def draws(quantities: Sequence[Quantity], weights: Sequence[float], resamples: int) -> Floats:
    """Each quantity in each resample, `(quantities, resamples)`: what it might be, given what was seen.

    No draw leaves the range of the scores that go into its quantity.
    """
    by_sample = [
        weight
        * resampled_means([quantity[place] for quantity in quantities], resamples=resamples, subtracted=weight < 0)
        for place, weight in enumerate(weights)
    ]
    found = np.empty((len(quantities), resamples))
    for place, quantity in enumerate(quantities):
        drawn = [of_sample[place] for of_sample in by_sample]
        freedom = degrees_of_freedom(quantity, [float(part.var()) for part in drawn])
        found[place] = widened(np.sum(drawn, axis=0), quantity, weights, freedom)
    return found.round(12)  # so that an exact tie is one whatever the order of summation


def standard_error(
    quantity: Quantity, weights: Sequence[float], resamples: int = RESAMPLES, of_seeds: float | None = None
) -> tuple[float, float]:
    """The standard error of `quantity`, cases, groups and seeds included, and its degrees of freedom.

    `of_seeds` is the variance that its seeds add; by default what these few show.
    """
    drawn = [
        weight * resampled_means([sample], resamples=resamples)[0]
        for sample, weight in zip(quantity, weights, strict=True)
    ]
    of_cases = float(np.sum(drawn, axis=0).var())
    of_seeds = seed_variance(quantity, weights) if of_seeds is None else of_seeds
    freedom = degrees_of_freedom(quantity, [float(part.var()) for part in drawn])
    return sqrt(of_cases + of_seeds), joint_freedom(of_cases, freedom, of_seeds, quantity[0].seeds)


def student_p(family: Sequence[Quantity]) -> list[float]:
    """The two-sided p of "the mean over the samples is 0" for each of `family`, by Student's t.

    Where counted draws won't do: they could not survive the correction in large families, and are a little too sure
    where few right/wrong cases differ. Two or three seeds that agree by chance look certain, and a correction asks just
    for what is rare; so half of the variance that seeds add is the family's mean. That is a moderated t in the sense of
    Smyth ("Linear models and empirical Bayes methods for assessing differential expression", Statistical Applications
    in Genetics and Molecular Biology 3, 2004), with a fixed share and no more degrees of freedom than the seeds have.
    """
    from scipy.special import stdtr  # slow to import, and not needed to read a comparison

    weights = [[1 / len(quantity)] * len(quantity) for quantity in family]
    own = [seed_variance(quantity, shares) for quantity, shares in zip(family, weights, strict=True)]
    common = [variance for variance, quantity in zip(own, family, strict=True) if quantity[0].seeds > 1]
    found = []
    for quantity, shares, variance in zip(family, weights, own, strict=True):
        shared = (variance + float(np.mean(common))) / 2 if quantity[0].seeds > 1 else 0.0
        error, freedom = standard_error(quantity, shares, of_seeds=shared)
        value = float(np.dot(shares, [sample.mean() for sample in quantity]))
        found.append(float(2 * stdtr(freedom, -abs(value) / error)) if error else float(value == 0))
    return found


def held_to_interval(found: Sequence[Difference], p_values: Sequence[float]) -> list[Difference]:
    """The differences with the p of another test; where it is below 0.05 and the interval holds 0, the interval's own.

    In a handful of cases that all agree a test may see no variance at all, while the interval allows for cases of
    which none was seen: nothing is called significant that its interval doesn't show. The p of an interval that holds 0
    is never below 0.05.
    """
    pairs = zip(found, p_values, strict=True)
    return [replace(one, p=max(p, one.p) if p < 1 - LEVEL and one.low <= 0 <= one.high else p) for one, p in pairs]


def tested_by_student(family: Sequence[Quantity], margin: float) -> list[Difference]:
    """The differences of a family with Student's p, `held_to_interval`."""
    return held_to_interval(differences(family, margin=margin), student_p(family))


def two_sided_p(resampled: Floats) -> Floats:
    """`min(1, 2 * min(#(d <= 0) + 1, #(d >= 0) + 1) / (B + 1))` of each row of `(quantities, B)`."""
    below = (resampled <= 0).sum(axis=-1) + 1
    above = (resampled >= 0).sum(axis=-1) + 1
    p: Floats = np.minimum(1.0, 2 * np.minimum(below, above) / (resampled.shape[-1] + 1))
    return p


def equivalence_p(resampled: Floats, margin: float) -> Floats:
    """The p of "it is `margin` or more, in either direction" of each row of `(quantities, B)`."""
    outside = np.maximum((resampled >= margin).sum(axis=-1), (resampled <= -margin).sum(axis=-1))
    p: Floats = (outside + 1) / (resampled.shape[-1] + 1)
    return p


def unseen_p(quantity: Quantity, weights: Sequence[float], margin: float) -> float:
    """The chance to see nothing of differences that add up to `margin`, which no p of equivalence can be below.

    They add up with `weights`, the same share in each sample, and are of the size that differences have in these
    samples, 1 where none was seen: n right/wrong answers miss a loss of 3% with the chance 0.97^n, so that a tie takes
    99 of them. Source: the exact binomial bound of none in n, for groups instead of cases.
    """
    together = len(np.unique(np.concatenate([sample.group_sizes[0] for sample in quantity])))
    apart = sum(len(sample.group_sizes[0]) for sample in quantity)
    each = margin / sum(map(abs, weights))
    chance = 1.0
    for sample in quantity:
        low, high = pseudo_values(sample)
        chance *= max(0.0, 1 - 2 * each / (high - low)) ** sample.effective_groups
    return float(chance ** (together / apart))


def differences(
    quantities: Sequence[Quantity],
    *,
    weights: Sequence[float] | None = None,
    resamples: int | None = None,
    margin: float = MARGIN,
) -> list[Difference]:
    """Each quantity with its interval and p values; the samples are differences already paired case by case.

    `weights` (default: equal ones that sum to 1) has one number for each sample of a quantity; `resamples`
    defaults to what a family of this many needs.
    """
    count = resamples_for(len(quantities)) if resamples is None else resamples
    found: list[Difference] = []
    for start in range(0, len(quantities), _BLOCK):
        block = quantities[start : start + _BLOCK]
        shares = weights or [1 / len(block[0])] * len(block[0])
        resampled = draws(block, shares, count)
        low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=1)
        values = np.array([np.dot(shares, [sample.mean() for sample in quantity]) for quantity in block])
        columns = zip(
            values,
            np.minimum(low, values),
            np.maximum(high, values),
            two_sided_p(resampled),
            np.maximum(equivalence_p(resampled, margin), [unseen_p(quantity, shares, margin) for quantity in block]),
            strict=True,
        )
        found += [Difference(*map(float, column)) for column in columns]
    return found


def mean_intervals(quantities: Sequence[Quantity]) -> list[Interval]:
    """Each quantity, the plain or macro mean of its samples, with its interval."""
    return [Interval(found.value, found.low, found.high) for found in differences(quantities, resamples=RESAMPLES)]
