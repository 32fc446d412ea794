"""How small a difference could a test split show at all? Told before anything is run.

Two variants answer the same cases, right or wrong. Only the cases that one of them gets right and the other wrong tell
the two apart; their share is the *discordance*, which nobody knows beforehand. Knows nothing of suites and scores.
"""

from math import ceil, sqrt
from statistics import NormalDist

TYPICAL_DISCORDANCE = 0.2  # among variants of one base that differ by less than 20 points it is mostly below this
WORST_DISCORDANCE = 0.5  # as between two that guess, each on its own


def smallest_detectable(cases: int, discordance: float, *, alpha: float = 0.05, power: float = 0.8) -> float | None:
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


def cases_needed(effect: float, discordance: float, *, alpha: float = 0.05, power: float = 0.8) -> int:
    """How many paired cases show a difference of `effect` (0 to 1): the same formula, solved for n."""
    if not 0 < effect <= discordance <= 1:
        raise ValueError(f"an effect of {effect} can't come with a discordance of {discordance}")
    z_alpha, z_power = _quantiles(alpha, power)
    return ceil(((z_alpha * sqrt(discordance) + z_power * sqrt(discordance - effect**2)) / effect) ** 2)


def _quantiles(alpha: float, power: float) -> tuple[float, float]:
    return NormalDist().inv_cdf(1 - alpha / 2), NormalDist().inv_cdf(power)
