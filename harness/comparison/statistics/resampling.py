"""What would the mean of a sample have been, had other cases been asked? Draws of means; cases of one group together.

The Bayesian bootstrap (Rubin, "The Bayesian bootstrap", Annals of Statistics 9, 1981): in each resample every group
gets a random weight, exponential with mean 1, and the mean is the weighted one. A group has the same weights wherever
it occurs: variants and metrics on a split are resampled alike, and so are splits that ask about the same documents;
samples without a common group are drawn independently. Unlike drawing with replacement it never loses all of a few
groups, and no figure depends on what else is drawn.

Two pseudo-cases stand for what was not seen: where 50 of 50 cases agree, the next one may still differ. They lie as far
below and above the median as those cases typically do that differ from it, or at the ends of what is possible where
none does, and weigh half a case on average. Over right/wrong scores the draws are then those of a Beta(right + 1/2,
wrong + 1/2), the interval of Jeffreys (Brown, Cai & DasGupta, "Interval estimation for a binomial proportion",
Statistical Science 16, 2001); for pairs see Bonett & Price, "Adjusted Wald confidence interval for a difference of
binomial proportions based on paired data", Journal of Educational and Behavioral Statistics 37 (2012).
"""

from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np

from harness.comparison.statistics.samples import Floats, Groups, Sample

SEED = 20_240_229
PSEUDO_WEIGHT = 0.5  # of a case, for each of the two
_BLOCK = 128  # groups whose weights are held at once, 80 kB each for 10,000 resamples
_REMEMBERED = 240_000_000  # bytes of draws, 80 kB each for 10,000 resamples

_Key = tuple[bytes, int, bool]


class _Memory:
    """Draws that were made, since cells, pairs and decisions ask for the same ones; the oldest are dropped."""

    def __init__(self) -> None:
        self._draws: OrderedDict[_Key, Floats] = OrderedDict()
        self._bytes = 0

    def get(self, key: _Key) -> Floats | None:
        return self._draws.get(key)

    def put(self, key: _Key, draws: Floats) -> None:
        self._draws[key] = draws
        self._bytes += draws.nbytes
        while self._bytes > _REMEMBERED:
            self._bytes -= self._draws.popitem(last=False)[1].nbytes


_memory = _Memory()


def resampled_means(samples: Sequence[Sample], *, resamples: int, subtracted: bool = False) -> Floats:
    """The mean of each sample in each resample, `(samples, resamples)`.

    Means that are to be `subtracted` from others have pseudo-cases of their own: what was not seen doesn't cancel.
    The standard deviation of a row is the standard error of the mean, corrected for few groups. Raises ValueError if a
    sample is empty.
    """
    if not all(len(sample) for sample in samples):
        raise ValueError("an empty sample has no mean")
    keys = [(_digest(sample), resamples, subtracted) for sample in samples]
    drawn = {key: draws for key in keys if (draws := _memory.get(key)) is not None}
    wanted = {key: sample for key, sample in zip(keys, samples, strict=True) if key not in drawn}
    for key, draws in zip(wanted, _drawn(list(wanted.values()), resamples, subtracted), strict=True):
        drawn[key] = draws
        _memory.put(key, draws)
    return np.stack([drawn[key] for key in keys])


def _digest(sample: Sample) -> bytes:
    """What the draws of `sample` depend on."""
    content = blake2b(sample.averaged.tobytes(), digest_size=16)
    content.update(sample.groups.tobytes())
    content.update(np.array(sample.ends).tobytes())
    return content.digest()


def _drawn(samples: Sequence[Sample], resamples: int, subtracted: bool) -> list[Floats]:
    if not samples:
        return []
    groups = np.unique(np.concatenate([sample.group_sizes[0] for sample in samples]))
    sums, sizes = by_group(samples, groups)
    numbers: dict[bytes, int] = {}  # most samples have the same cases
    kind_of = [numbers.setdefault(row.tobytes(), len(numbers)) for row in sizes]
    kinds = np.stack([np.frombuffer(kind) for kind in numbers])
    totals, weighed = np.zeros((len(sums), resamples)), np.zeros((len(kinds), resamples))
    space = np.empty((_BLOCK, resamples))
    for start in range(0, len(groups), _BLOCK):
        block = slice(start, start + _BLOCK)
        weights = _weights(groups[block], space)
        totals += sums[:, block] @ weights
        weighed += kinds[:, block] @ weights
    return [
        _with_pseudo_cases(sample, subtracted, *found)
        for sample, *found in zip(samples, sums, sizes, totals, weighed[kind_of], strict=True)
    ]


def by_group(samples: Sequence[Sample], groups: Groups) -> tuple[Floats, Floats]:
    """Sum of the scores and number of cases in each group, `(samples, groups)` each."""
    sums, sizes = np.zeros((2, len(samples), len(groups)))
    for place, sample in enumerate(samples):
        columns = np.searchsorted(groups, sample.groups)
        sums[place] = np.bincount(columns, sample.averaged, len(groups))
        sizes[place] = np.bincount(columns, minlength=len(groups))
    return sums, sizes


def _weights(groups: Groups, space: Floats) -> Floats:
    """The weight of each group in each resample, in the first rows of `space`; depends on the group's number alone."""
    weights = space[: len(groups)]
    for row, group in zip(weights, groups.tolist(), strict=True):
        np.random.default_rng([SEED, group]).standard_exponential(out=row)
    return weights


@lru_cache(maxsize=8)
def _pseudo_weights(group: int, resamples: int, subtracted: bool) -> Floats:
    """The weights of the two pseudo-cases of a sample that begins with `group`, `(2, resamples)`."""
    return np.random.default_rng([SEED, group, 2 if subtracted else 1]).standard_gamma(PSEUDO_WEIGHT, (2, resamples))


def _with_pseudo_cases(
    sample: Sample, subtracted: bool, sums: Floats, sizes: Floats, totals: Floats, weighed: Floats
) -> Floats:
    """The draws of one mean from its weighted sums and sizes: with pseudo-cases, and as wide as few groups make it."""
    mean, groups = sample.mean(), sample.effective_groups
    size = _design_effect(sample, float(np.sum((sums - mean * sizes) ** 2)))
    low, high = pseudo_values(sample)
    below, above = size * _pseudo_weights(int(sample.groups.min()), totals.size, subtracted)
    draws = (totals + low * below + high * above) / (weighed + below + above)
    # The variance of weighted means is that of the groups divided by their number plus 1, not minus 1.
    spread: Floats = mean + (draws - mean) * np.sqrt((groups + 1) / max(groups - 1, 1))
    return spread


def _design_effect(sample: Sample, between: float) -> float:
    """How many cases of `sample` tell as much as one on its own: 1 where they share nothing, at most a group's size.

    `between` is the sum of squares of the groups' deviations (Kish, "Survey sampling", 1965). Where all groups are
    alike nothing tells, and it is a group's size.
    """
    size = len(sample) / sample.effective_groups
    alone = float(np.sum((sample.averaged - sample.mean()) ** 2))
    if between < 1e-9 or alone < 1e-9:
        return size
    return min(max(between / alone, 1.0), size)


def pseudo_values(sample: Sample) -> tuple[float, float]:
    """Below and above the median by the root mean square of those distances from it that aren't 0."""
    values, (lowest, highest) = sample.averaged, sample.ends
    middle = float(np.median(values))
    distances = values[np.abs(values - middle) > 1e-9] - middle
    typical = float(np.sqrt(np.mean(distances**2))) if len(distances) else highest - lowest
    return max(lowest, middle - typical), min(highest, middle + typical)
