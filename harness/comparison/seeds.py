"""How far would other seeds move a quantity? Adds the seeds' share to what the bootstrap over cases has drawn.

One seed is one repetition of everything that is drawn at random: initial values, the order of training, the shots.
All variants, metrics and splits share the seeds as they share the cases, so that a difference is one column a seed,
whatever two variants have in common (the trained weights of `full` and `full@0.5`, the shots of two few-shot
variants, the order of the examples of two recipes). Knows nothing of variants, splits and metrics.

Cases and seeds are crossed (Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1(2), 2007): the variance
of a mean over C cases and S seeds is `case / C + seed / S + interaction / (C S)`. Redrawing the seeds too, as Owen
does for many, shows `(S - 1) / S` of the second term and far too short tails where S is three or five. So:

- the bootstrap draws the cases of the seeds' averages, which shows the first term and the third;
- a normal number is added to each draw, of the observed variance between seeds divided by S, which is the second
  term and once more the third, on the safe side;
- the draws are stretched from the normal to Student's t, with S - 1 degrees of freedom where only the seeds vary,
  more where the cases do too, and infinitely many where only they do. That is how readers and cases are judged
  in diagnostics (Hillis, "A comparison of denominator degrees of freedom methods", Statistics in Medicine 26, 2007).
  With Satterthwaite's degrees, `(S - 1) (total / seeds)^2` ("An approximate distribution of estimates of variance
  components", Biometrics Bulletin 2, 1946), intervals over three seeds hold the truth too rarely, since three that
  agree by chance count as proof; without the square they hold it.

`benchmarks/interval_coverage.py` measures the coverage; docs/decisions/004 says what it was compared with.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Quantity = Sequence[Floats]
"""What is estimated: samples of which the means are added up with weights, see `bootstrap`."""

SEED = 20_240_301


def seeds_of(quantity: Quantity) -> int:
    """How many seeds its samples have, `(cases,)` or `(cases, seeds)`; raises ValueError if they differ."""
    counts = {sample.shape[1] if sample.ndim == 2 else 1 for sample in quantity}
    if len(counts) != 1:
        raise ValueError(f"the samples of one quantity have different numbers of seeds: {sorted(counts)}")
    return counts.pop()


def averaged(sample: Floats) -> Floats:
    """The sample with each case averaged over its seeds, `(cases,)`."""
    average: Floats = sample.mean(axis=1) if sample.ndim == 2 else sample
    return average


def with_seeds(resampled: Floats, quantities: Sequence[Quantity], weights: Sequence[float]) -> Floats:
    """`resampled` `(resamples, quantities)`, drawn over cases, with the seeds drawn too.

    Quantities of one seed, and of seeds that agree, stay as they are. No draw leaves the range of the scores that
    went into its quantity, as none of a bootstrap does.
    """
    normal = np.random.default_rng(SEED).standard_normal(len(resampled))
    found = resampled.copy()
    for place, quantity in enumerate(quantities):
        if seeds_of(quantity) > 1:
            found[:, place] = _with_seeds(resampled[:, place], quantity, weights, normal)
    return found


def _with_seeds(resampled: Floats, quantity: Quantity, weights: Sequence[float], normal: Floats) -> Floats:
    weighted = list(zip(quantity, weights, strict=True))
    by_seed = np.sum([weight * sample.mean(axis=0) for sample, weight in weighted], axis=0)
    of_seeds = float(np.var(by_seed, ddof=1)) / len(by_seed)
    if of_seeds == 0:
        return resampled
    of_cases = sum(weight**2 * float(averaged(sample).var()) / len(sample) for sample, weight in weighted)
    value, total = float(by_seed.mean()), of_cases + of_seeds
    freedom = (len(by_seed) - 1) * total / of_seeds
    drawn = (resampled - value + np.sqrt(of_seeds) * normal) / np.sqrt(total)
    ends = [sorted((weight * float(sample.min()), weight * float(sample.max()))) for sample, weight in weighted]
    stretched: Floats = value + np.sqrt(total) * student(drawn, freedom)
    return stretched.clip(sum(low for low, _ in ends), sum(high for _, high in ends))


def student(normal: Floats, freedom: float) -> Floats:
    """Standard normal numbers as those of Student's t with the same probability, for any `freedom` above 0.

    Source: Wallace, "Bounds on normal approximations to Student's and the chi-square distributions", Annals of
    Mathematical Statistics 30 (1959). Its 97.5% point is too large by 38% for one degree of freedom, by 4% for two
    and by less than 1% from four on.
    """
    scaled = normal * (8 * freedom + 3) / (8 * freedom + 1)
    stretched: Floats = np.sign(normal) * np.sqrt(freedom * np.expm1(scaled**2 / freedom))
    return stretched
