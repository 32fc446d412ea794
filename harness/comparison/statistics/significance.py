"""Is there any difference at all? Exact tests of paired scores. Knows nothing of variants, and of how large it is.

Where two variants are right or wrong on cases that share nothing, McNemar's exact test; on other scores, or on cases in
groups, the permutation test: if there were no difference, each group might as well have it with the other sign.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.comparison.statistics.resampling import by_group
from harness.comparison.statistics.samples import Floats, Groups, Sample

SEED = 20_240_303
EXACT_GROUPS = 13  # up to so many groups with a difference, all 2 ** groups ways are counted
_BLOCK = 512  # groups whose signs are held at once


def is_right_or_wrong(sample: Sample) -> bool:
    """Whether `sample` holds differences of right/wrong scores of one seed, each case in a group of its own."""
    return (
        sample.seeds == 1
        and len(sample.group_sizes[0]) == len(sample)
        and bool(np.isin(sample.values, (-1.0, 0.0, 1.0)).all())
    )


def mcnemar_p(wins: int, losses: int) -> float:
    """The p of McNemar's exact test, two-sided: of a fair coin that fell so, or more unevenly, `wins + losses` times.

    Source: McNemar, "Note on the sampling error of the difference between correlated proportions", Psychometrika 12
    (1947); the same as scipy's `binomtest(wins, wins + losses)`.
    """
    tosses = wins + losses
    tail, ways = 0, 1
    for heads in range(min(wins, losses) + 1):
        tail += ways
        ways = ways * (tosses - heads) // (heads + 1)
    return min(1.0, float(2 * tail / 2**tosses))


def permutation_p(samples: Sequence[Sample], *, flips: int) -> list[float]:
    """The two-sided p of each sample of differences: how often random signs of its groups make a mean as far from 0.

    Over all ways where few groups have a difference, as scipy's `permutation_test` with `permutation_type="samples"`;
    otherwise over `flips` drawn ones, with the +1 correction of Phipson & Smyth, "Permutation p-values should never be
    zero", Statistical Applications in Genetics and Molecular Biology 9 (2010). A group has the same signs in all
    samples.
    """
    if not samples:
        return []
    groups = np.unique(np.concatenate([sample.group_sizes[0] for sample in samples]))
    sums, _ = by_group(samples, groups)
    several = np.flatnonzero(np.count_nonzero(sums, axis=1) > EXACT_GROUPS)
    drawn = dict(zip(several.tolist(), _by_drawing(sums[several], groups, flips), strict=True))
    return [drawn[place] if place in drawn else _by_counting(row[row != 0]) for place, row in enumerate(sums)]


def _by_counting(sums: Floats) -> float:
    ways = np.arange(2 ** len(sums))[:, None] >> np.arange(len(sums)) & 1
    return float(_as_far(((1.0 - 2.0 * ways) @ sums)[None, :], sums[None, :])[0] / len(ways))


def _by_drawing(sums: Floats, groups: Groups, flips: int) -> list[float]:
    totals = np.zeros((len(sums), flips))
    for start in range(0, len(groups) if len(sums) else 0, _BLOCK):
        block = slice(start, start + _BLOCK)
        totals += sums[:, block] @ _signs(groups[block], flips)
    return [float(p) for p in (_as_far(totals, sums) + 1) / (flips + 1)]


def _signs(groups: Groups, flips: int) -> Floats:
    """1 or -1 for each group in each flip, `(groups, flips)`; depends on the group's number alone."""
    bits = np.stack(
        [np.random.default_rng([SEED, group]).integers(256, size=-(-flips // 8), dtype=np.uint8) for group in groups]
    )
    signs: Floats = np.where(np.unpackbits(bits, axis=1, count=flips), -1.0, 1.0)
    return signs


def _as_far(totals: Floats, sums: Floats) -> NDArray[np.int64]:
    """How many of `totals` `(samples, ways)` lie as far from 0 as those of `sums` `(samples, groups)`."""
    slack = 1e-9 * np.abs(sums).sum(axis=1, keepdims=True)  # equal totals differ by the order of summation
    count: NDArray[np.int64] = (np.abs(totals) >= np.abs(sums.sum(axis=1, keepdims=True)) - slack).sum(axis=1)
    return count
