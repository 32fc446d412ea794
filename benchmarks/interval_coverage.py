"""How often do the 95% intervals contain the truth when both cases and seeds vary? Simulated, so that it is known.

    python benchmarks/interval_coverage.py

Three ways are compared: `cases` averages the seeds and resamples the cases only, `both` resamples cases and seeds
independently (the plain pigeonhole bootstrap), and `harness` is what a comparison does. Each line is one setting and
number of seeds, with the share of data sets in which the interval holds the truth, and the interval's median width.

Each number is right or wrong with a chance that depends on the case's difficulty and on the seed's skill (logistic,
both normal), or is a sum of effects (normal; those of skewed seeds exponential) with the variance of the mean owed to
cases, seeds and their interaction in the ratio that is named.
"""

import argparse
import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from harness.comparison.statistics.bootstrap import differences
from harness.comparison.statistics.samples import Sample

Floats = NDArray[np.float64]
Way = Callable[[list[list[Floats]]], Floats]

CASES = 150
RESAMPLES = 1_000


class World:
    """Draws data sets: quantities of samples `(cases, seeds)`, with the truth that they estimate."""

    def __init__(self, seeds: int, data_sets: int) -> None:
        self.seeds, self.data_sets = seeds, data_sets
        self._generator = np.random.default_rng([20_240_302, seeds])

    def variants(self, skill: float) -> tuple[list[list[Floats]], float]:
        """One trained variant, right or wrong; `skill` is the standard deviation between seeds, in logits."""
        chance = _chance(self._normal(1_000_000) * 2, self._normal(1_000_000) * skill)
        return [[self._answers(self._difficulty(), skill)] for _ in range(self.data_sets)], float(chance.mean())

    def differences(self, skill: float) -> tuple[list[list[Floats]], float]:
        """Two trained variants of equal skill on the same cases, trained independently."""
        difficulties = [self._difficulty() for _ in range(self.data_sets)]
        return [[self._answers(hard, skill) - self._answers(hard, skill)] for hard in difficulties], 0.0

    def macro(self, skill: float) -> tuple[list[list[Floats]], float]:
        """The average difference of two trained variants over three splits, which the same models answer."""
        found = []
        for _ in range(self.data_sets):
            a, b = self._normal(self.seeds) * skill, self._normal(self.seeds) * skill
            splits = [self._difficulty() for _ in range(3)]
            found.append([self._asked(hard, a) - self._asked(hard, b) for hard in splits])
        return found, 0.0

    def effects(self, of_seeds: float, interaction: float, *, skewed: bool = False) -> tuple[list[list[Floats]], float]:
        """Sums of effects; the mean's variance is owed to cases, seeds and both as 1 : of_seeds : interaction."""
        found = []
        for _ in range(self.data_sets):
            seed = self._generator.exponential(size=self.seeds) - 1 if skewed else self._normal(self.seeds)
            both = self._normal(CASES, self.seeds) * np.sqrt(interaction * self.seeds)
            case = self._normal(CASES, 1)
            found.append([case + seed * np.sqrt(of_seeds * self.seeds / CASES) + both])
        return found, 0.0

    def _normal(self, *shape: int) -> Floats:
        return self._generator.standard_normal(shape)

    def _difficulty(self) -> Floats:
        return self._normal(CASES, 1) * 2

    def _answers(self, difficulty: Floats, skill: float) -> Floats:
        return self._asked(difficulty, self._normal(self.seeds) * skill)

    def _asked(self, difficulty: Floats, skills: Floats) -> Floats:
        chance = _chance(difficulty, skills)
        return (self._generator.random(chance.shape) < chance).astype(np.float64)


def _chance(difficulty: Floats, skill: Floats) -> Floats:
    chance: Floats = 1 / (1 + np.exp(difficulty - skill - 0.8))
    return chance


def cases_only(quantities: list[list[Floats]]) -> Floats:
    """The bounds `(2, quantities)` of the bootstrap over cases of the seeds' averages."""
    return harness([[sample.mean(axis=1) for sample in quantity] for quantity in quantities])


def harness(quantities: list[list[Floats]]) -> Floats:
    """The bounds `(2, quantities)` that a comparison reports."""
    samples = [
        [Sample.of(values, np.arange(CASES) + CASES * split) for split, values in enumerate(quantity)]
        for quantity in quantities
    ]
    return np.array([[found.low, found.high] for found in differences(samples, resamples=RESAMPLES)]).T


def both_resampled(quantities: list[list[Floats]]) -> Floats:
    """The bounds `(2, quantities)` of the plain pigeonhole bootstrap: cases in each split, seeds once for all."""
    seeds = quantities[0][0].shape[1]
    generator = np.random.default_rng(1)
    drawn = generator.multinomial(seeds, [1 / seeds] * seeds, size=RESAMPLES) / seeds
    cases = [
        generator.multinomial(CASES, [1 / CASES] * CASES, size=RESAMPLES) / CASES for _ in range(len(quantities[0]))
    ]
    bounds = []
    for quantity in quantities:
        by_split = [(cases[split] @ values * drawn).sum(axis=1) for split, values in enumerate(quantity)]
        bounds.append(np.quantile(np.mean(by_split, axis=0), [0.025, 0.975]))
    return np.array(bounds).T


WAYS: dict[str, Way] = {"cases": cases_only, "both": both_resampled, "harness": harness}
SETTINGS: dict[str, Callable[[World], tuple[list[list[Floats]], float]]] = {
    "one variant, seeds alike": lambda world: world.variants(0),
    "one variant, seeds vary (0.3 logits)": lambda world: world.variants(0.3),
    "one variant, seeds vary much (1 logit)": lambda world: world.variants(1),
    "two variants, seeds alike": lambda world: world.differences(0),
    "two variants, seeds vary": lambda world: world.differences(0.3),
    "two variants, seeds vary much": lambda world: world.differences(1),
    "average of three splits, seeds vary": lambda world: world.macro(0.3),
    "normal effects, 1 : 3 : 0.3": lambda world: world.effects(3, 0.3),
    "normal effects, 1 : 30 : 0.3": lambda world: world.effects(30, 0.3),
    "skewed seeds, 1 : 30 : 0.3": lambda world: world.effects(30, 0.3, skewed=True),
}


def lines(seeds: list[int], data_sets: int) -> Iterator[str]:
    """The table in Markdown, line by line."""
    yield f"| setting | seeds | {' | '.join(WAYS)} |"
    yield f"| --- | ---: | {' | '.join(['---:'] * len(WAYS))} |"
    for name, draw in SETTINGS.items():
        for count in seeds:
            quantities, truth = draw(World(count, data_sets))
            figures = []
            for way in WAYS.values():
                low, high = way(quantities)
                covered = ((low <= truth) & (truth <= high)).mean()
                figures.append(f"{covered:.1%} ({np.median(high - low):.3f})")
            yield f"| {name} | {count} | {' | '.join(figures)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 5])
    parser.add_argument("--data-sets", type=int, default=2_000)
    arguments = parser.parse_args()
    start = time.perf_counter()
    for line in lines(arguments.seeds, arguments.data_sets):
        print(line, flush=True)
    print(f"{arguments.data_sets} data sets of {CASES} cases a line; {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
