"""How often is a cheaper variant recommended that is worse by so many points? Two rules for a tie, simulated.

    python benchmarks/decision_rules.py

Two variants answer the same cases, right or wrong, and disagree on a fifth of them at least. By the rule in use, the
cheaper one is taken where it is shown to be equal within three points; by the former one, where it isn't shown to be
worse.
"""

import numpy as np

from harness.comparison.statistics.bootstrap import differences
from harness.comparison.statistics.multiplicity import judge
from harness.comparison.statistics.samples import Sample

RUNS = 400
DISCORDANCE = 0.2


def taken(worse: float, cases: int) -> tuple[float, float]:
    """The shares of runs in which the cheaper variant, truly `worse` (0 to 1), is taken by the two rules."""
    random = np.random.default_rng([cases, round(1000 * worse)])
    chances = [(DISCORDANCE - worse) / 2, (DISCORDANCE + worse) / 2, 1 - DISCORDANCE]
    equal = level = 0
    for _ in range(RUNS):
        gaps = random.choice([1.0, -1.0, 0.0], p=chances, size=cases)
        [found] = judge(differences([(Sample.of(gaps),)]))
        ahead = found.value >= 0  # then it leads by itself
        equal += ahead or found.equal
        level += ahead or not found.worse
    return equal / RUNS, level / RUNS


if __name__ == "__main__":
    print("| truly worse by | cases | taken where equal is shown | taken where worse isn't shown |")
    print("| --- | --- | --- | --- |")
    for points in (0, 3, 5, 10):
        for count in (60, 150, 600, 2000):
            shares = taken(points / 100, count)
            print(f"| {points} points | {count:,} | {shares[0]:.0%} | {shares[1]:.0%} |")
