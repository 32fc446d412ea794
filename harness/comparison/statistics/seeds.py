"""How far would other seeds move a quantity? The seeds' share of its variance, and what it does to the tails.

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
  those of the cases where only they do, and between where both do. That is how readers and cases are judged
  in diagnostics (Hillis, "A comparison of denominator degrees of freedom methods", Statistics in Medicine 26, 2007).
  With Satterthwaite's degrees, in which the shares are squared, intervals over three seeds hold the truth too rarely,
  since three that agree by chance count as proof; without the square they hold it.

`benchmarks/interval_coverage.py` measures the coverage; docs/decisions/004 says what it was compared with.
"""

from collections.abc import Sequence

import numpy as np

from harness.comparison.statistics.samples import Floats, Quantity
from harness.comparison.statistics.tails import student

SEED = 20_240_301


def seeds_of(quantity: Quantity) -> int:
    """How many seeds its samples have; raises ValueError if they differ."""
    counts = {sample.seeds for sample in quantity}
    if len(counts) != 1:
        raise ValueError(f"the samples of one quantity have different numbers of seeds: {sorted(counts)}")
    return counts.pop()


def widened(drawn: Floats, quantity: Quantity, weights: Sequence[float], freedom: float = np.inf) -> Floats:
    """`drawn` `(resamples,)`, one quantity drawn over cases, with the seeds drawn too and the tails of Student's t.

    `freedom` is the degrees of freedom with which the cases' share of the variance is known. No draw leaves the range
    of the scores that go into the quantity.
    """
    value = sum(weight * sample.mean() for sample, weight in zip(quantity, weights, strict=True))
    of_cases, of_seeds = float(drawn.var()), seed_variance(quantity, weights)
    if of_cases + of_seeds == 0:
        return drawn
    freedom = joint_freedom(of_cases, freedom, of_seeds, seeds_of(quantity))
    if of_seeds:
        drawn = drawn + np.sqrt(of_seeds) * np.random.default_rng(SEED).standard_normal(len(drawn))
    error = np.sqrt(of_cases + of_seeds)
    stretched = value + error * student((drawn - value) / error, freedom)
    ends = [sorted(weight * end for end in sample.ends) for sample, weight in zip(quantity, weights, strict=True)]
    clipped: Floats = stretched.clip(sum(low for low, _ in ends), sum(high for _, high in ends))
    return clipped


def seed_variance(quantity: Quantity, weights: Sequence[float]) -> float:
    """The variance that the choice of seeds adds to the quantity; 0 where there is one, or where all agree."""
    seeds = seeds_of(quantity)
    if seeds == 1:
        return 0.0
    by_seed = np.sum(
        [weight * sample.values.mean(axis=0) for sample, weight in zip(quantity, weights, strict=True)], axis=0
    )
    return float(np.var(by_seed, ddof=1)) / seeds


def joint_freedom(of_cases: float, freedom: float, of_seeds: float, seeds: int) -> float:
    """The degrees of freedom of a variance that is owed to cases, known with `freedom`, and to `seeds` seeds."""
    if of_seeds == 0:
        return freedom
    return (of_cases + of_seeds) / (of_cases / freedom + of_seeds / (seeds - 1))
