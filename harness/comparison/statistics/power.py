"""How small a difference could a test split show at all? Told before anything is run, and of every pair afterwards.

Variants answer the same cases. Where they are right or wrong, only the cases that one of them gets right and the other
wrong tell the two apart; their share is the *discordance*, which nobody knows beforehand. Other scores, and cases that
come in groups, show what the standard error of their mean difference lets through. Knows nothing of suites and scores.
"""

from functools import lru_cache
from math import ceil, log2, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]

TYPICAL_DISCORDANCE = 0.2  # among variants of one base that differ by less than 20 points it is mostly below this
WORST_DISCORDANCE = 0.5  # as between two that guess, each on its own
POWER = 0.8
_STEPS = 14  # halvings: to less than a hundredth of a point
_MANY = 200  # discordant cases from which on the normal approximation holds to half a point of power


def smallest_detectable(cases: int, discordance: float, *, alpha: float = 0.05, power: float = POWER) -> float | None:
    """The difference of two shares of right answers (0 to 1) that `cases` paired cases show with that `power`.

    For McNemar's test, two-sided at `alpha`, before any adjustment for several comparisons: the d that solves
    n = (z_alpha √ψ + z_power √(ψ - d²))² / d² with ψ the discordance (Connor 1987, Biometrics 43:207-211). The normal
    approximation is a little cautious where few cases are discordant: with 20 of them its 80% are 83%.
    None where even the largest difference with that discordance, which is the discordance itself, would go unseen.
    """
    if cases < 1 or not 0 < discordance <= 1:
        raise ValueError(f"{cases} cases and a discordance of {discordance} make no test")
    z_alpha, z_power = _quantiles(alpha, power)
    under_root = cases + z_power**2 - z_alpha**2
    if under_root < 0:
        return None
    effect = sqrt(discordance) * (z_alpha * sqrt(cases) + z_power * sqrt(under_root)) / (cases + z_power**2)
    return effect if effect <= discordance else None


def cases_needed(effect: float, discordance: float, *, alpha: float = 0.05, power: float = POWER) -> int:
    """How many paired cases show a difference of `effect` (0 to 1): the same formula, solved for n."""
    if not 0 < effect <= discordance <= 1:
        raise ValueError(f"an effect of {effect} can't come with a discordance of {discordance}")
    z_alpha, z_power = _quantiles(alpha, power)
    return ceil(((z_alpha * sqrt(discordance) + z_power * sqrt(discordance - effect**2)) / effect) ** 2)


def mcnemar_power(cases: int, discordance: float, effect: float, *, alpha: float = 0.05) -> float:
    """The chance that McNemar's exact test of `cases` paired cases finds a true difference of `effect`.

    Exact: the number of discordant cases is binomial, and the share of wins among them too.
    """
    from scipy.special import bdtr, gammaln, xlog1py, xlogy  # slow to import, and not needed to read a comparison

    discordant = _likely(cases, discordance)
    kept = cases - discordant
    log_ways = gammaln(cases + 1) - gammaln(discordant + 1) - gammaln(kept + 1)
    chance = np.exp(log_ways + xlogy(discordant, discordance) + xlog1py(kept, -discordance))
    wins = min(1.0, (discordance + effect) / (2 * discordance))
    losses = _most_losses(2 ** ceil(log2(int(discordant[-1]) + 2)), alpha)[discordant]
    able, tosses, most = losses >= 0, discordant[losses >= 0], losses[losses >= 0]
    found = bdtr(most, tosses, 1 - wins) + bdtr(most, tosses, wins)
    return float(min(1.0, chance[able] @ found))


@lru_cache(maxsize=4096)
def mcnemar_detectable(cases: int, discordance: float, *, alpha: float = 0.05, power: float = POWER) -> float | None:
    """The least difference that McNemar's exact test shows with that `power`; None where no difference would be shown.

    With `discordance` where that is enough, else with as much as the difference itself brings along. Where many cases
    are discordant it is `smallest_detectable` and one case more, which is what the exact test takes.
    """
    if cases * discordance > _MANY and (
        approximate := smallest_detectable(cases, discordance, alpha=alpha, power=power)
    ):
        return approximate + 1 / cases

    def chance(effect: float) -> float:
        return mcnemar_power(cases, max(discordance, effect), effect, alpha=alpha)

    if chance(1.0) < power:
        return None
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if chance(middle) >= power else (middle, high)
    return high


def mean_power(effect: float, error: float, freedom: float, *, alpha: float = 0.05) -> float:
    """The chance that a t test, two-sided, finds a true mean of `effect` that is known up to a standard `error`.

    `freedom` degrees of freedom has the estimate of that error: groups minus 1. From the noncentral t distribution, as
    in Cohen, "Statistical power analysis for the behavioral sciences" (1988); to find it the wrong way round, which is
    less likely than alpha / 2, doesn't count.
    """
    from scipy.special import nctdtr, stdtrit

    return float(1 - nctdtr(freedom, effect / error, stdtrit(freedom, 1 - alpha / 2)))


def mean_detectable(error: float, freedom: float, *, alpha: float = 0.05, power: float = POWER) -> float | None:
    """The least true mean that a t test shows with that `power`, see `mean_power`; None where it is more than 1."""
    from scipy.special import nctdtrinc, stdtrit

    effect = error * float(nctdtrinc(freedom, 1 - power, stdtrit(freedom, 1 - alpha / 2)))
    return effect if effect <= 1 else None


def _likely(cases: int, share: float) -> Counts:
    """The numbers out of `cases` that come up with a chance of more than about 1e-8, where each does with `share`."""
    around = 6 * sqrt(cases * share * (1 - share)) + 10
    return np.arange(max(0, int(cases * share - around)), min(cases, ceil(cases * share + around)) + 1)


@lru_cache(maxsize=64)
def _most_losses(most_cases: int, alpha: float) -> Counts:
    """How many of 0 … `most_cases` discordant cases may be lost in a significant win, -1 where not even none."""
    from scipy.special import bdtr

    found = np.full(most_cases + 1, -1)
    losses = -1
    for tosses in range(most_cases + 1):
        while bdtr(losses + 1, tosses, 0.5) <= alpha / 2 and losses + 1 < tosses:
            losses += 1
        found[tosses] = losses
    return found


def _quantiles(alpha: float, power: float) -> tuple[float, float]:
    return NormalDist().inv_cdf(1 - alpha / 2), NormalDist().inv_cdf(power)
