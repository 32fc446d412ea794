"""Do the statistics hold what they promise? Coverage of intervals, false alarms, and power, all by simulation.

    python benchmarks/simulation.py coverage
    python benchmarks/simulation.py alarms
    python benchmarks/simulation.py power
    python benchmarks/simulation.py seeds

`coverage` prints in how many simulated data sets the 95% interval holds the truth: of the plain percentile bootstrap,
of the same expanded to Student's t (Hesterberg 2015), and of the harness. `alarms` compares variants that are equal and
prints in how many comparisons any of them is called different, or two that differ by the margin a tie. `power` prints
how often a difference of the size that the harness calls detectable is found. `seeds` is about false alarms with
several seeds, whose luck is all that sets six variants apart.

Right/wrong scores are right with a chance; graded ones run from 0 to 1. Two variants agree on a case more often than by
chance: `correlation`. Cases come in groups of 1, of 10, or of 1 to 10 (*mixed*), and the scores of a group correlate by
0.3.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from harness.comparison import ScoreTable, judge
from harness.comparison.findings.pairs import paired_differences
from harness.comparison.statistics.bootstrap import differences, standard_error, student_p
from harness.comparison.statistics.power import mcnemar_detectable, mean_detectable
from harness.comparison.statistics.samples import Groups, Sample
from harness.comparison.statistics.significance import mcnemar_p, permutation_p
from harness.comparison.table import Scores

Floats = NDArray[np.float64]

WITHIN_GROUPS = 0.3
SPREAD = 1.2  # standard deviation of graded scores before they are squeezed between 0 and 1
RESAMPLES = 4_000  # fewer than a comparison draws; all data sets share them, which moves a line by 0.3 points


@dataclass(frozen=True)
class Setting:
    """What is simulated: how many cases, in groups of which size ("mixed": 1 to 10), by which kind of scores."""

    cases: int
    group: int | str
    kind: str
    correlation: float
    rates: tuple[float, float] = (0.7, 0.6)

    def groups(self, random: np.random.Generator) -> Groups:
        """The group of each case, `(cases,)`."""
        sizes = random.integers(1, 11, self.cases) if self.group == "mixed" else np.full(self.cases, int(self.group))
        return np.repeat(np.arange(self.cases), sizes)[: self.cases]

    def draw(self, random: np.random.Generator, groups: Groups, sets: int) -> tuple[Floats, Floats]:
        """The scores of two variants, `(cases, sets)` each."""
        own = WITHIN_GROUPS if len(np.unique(groups)) < len(groups) else 0.0
        drawn = self._right_wrong if self.kind == "right/wrong" else self._graded
        return drawn(random, groups, sets, own)

    @property
    def truth(self) -> tuple[float, float]:
        """What the scores of the two variants are on average."""
        if self.kind == "right/wrong":
            first, second = self.rates
            return first, self.correlation * first + (1 - self.correlation) * second
        return tuple(float(ndtr(level / np.sqrt(1 + SPREAD**2))) for level in self._levels)  # type: ignore[return-value]

    @property
    def _levels(self) -> tuple[float, float]:
        return (0.5, 0.3) if self.kind == "graded" else (-1.5, -1.7)

    def _right_wrong(self, random: np.random.Generator, groups: Groups, sets: int, own: float) -> tuple[Floats, Floats]:
        first, second = (self._answers(random, groups, sets, own, rate) for rate in self.rates)
        return first, np.where(random.random(first.shape) < self.correlation, first, second)

    @staticmethod
    def _answers(random: np.random.Generator, groups: Groups, sets: int, own: float, rate: float) -> Floats:
        shared = (random.random((groups.max() + 1, sets)) < rate)[groups]
        alone = random.random((len(groups), sets)) < rate
        return np.where(random.random(alone.shape) < np.sqrt(own), shared, alone).astype(float)

    def _graded(self, random: np.random.Generator, groups: Groups, sets: int, own: float) -> tuple[Floats, Floats]:
        def normal() -> Floats:
            of_group = random.standard_normal((groups.max() + 1, sets))[groups]
            return np.sqrt(own) * of_group + np.sqrt(1 - own) * random.standard_normal((len(groups), sets))

        both = np.sqrt(self.correlation) * normal()
        first, second = (
            ndtr(SPREAD * (both + np.sqrt(1 - self.correlation) * normal()) + level) for level in self._levels
        )
        return first, second


def percentile(samples: list[Sample], *, expanded: bool) -> Floats:
    """The bounds `(2, samples)` of the percentile bootstrap over groups; `expanded` to Student's t."""
    groups, places = np.unique(samples[0].groups, return_inverse=True)
    count = len(groups)
    values = np.stack([sample.averaged for sample in samples], axis=1)
    drawn = np.random.default_rng(1).multinomial(count, [1 / count] * count, RESAMPLES).astype(float)
    sizes = np.bincount(places, minlength=count).astype(float)
    sums = np.stack([np.bincount(places, column, count) for column in values.T], axis=1)
    with np.errstate(invalid="ignore"):
        means = (drawn @ sums) / (drawn @ sizes)[:, None]
    bounds = np.nanquantile(means, [0.025, 0.975], axis=0)
    wider = stdtrit(count - 1, 0.975) / stdtrit(1e9, 0.975) * np.sqrt(count / (count - 1)) if expanded else 1.0
    middle = values.mean(axis=0)
    return middle + (bounds - middle) * wider


def harness(samples: list[Sample]) -> Floats:
    """The bounds `(2, samples)` that a comparison reports."""
    found = differences([(sample,) for sample in samples], resamples=RESAMPLES)
    return np.array([[one.low, one.high] for one in found]).T


WAYS: dict[str, Callable[[list[Sample]], Floats]] = {
    "percentile": partial(percentile, expanded=False),
    "expanded": partial(percentile, expanded=True),
    "harness": harness,
}


def covered(setting: Setting, sets: int, ways: list[str], *, of: str = "difference") -> dict[str, float]:
    """In which share of data sets the interval of each way holds the truth, by way."""
    random = np.random.default_rng([20_260_101, setting.cases, round(100 * setting.correlation)])
    hits = dict.fromkeys(ways, 0)
    for _ in range(0, sets, 500):
        groups = setting.groups(random)
        first, second = setting.draw(random, groups, 500)
        values, truth = (first - second, setting.truth[0] - setting.truth[1])
        if of == "mean":
            values, truth = first, setting.truth[0]
        samples = [Sample.of(column, groups, lowest=0 if of == "mean" else -1) for column in values.T]
        for way in ways:
            low, high = WAYS[way](samples)
            hits[way] += int(((low <= truth + 1e-9) & (truth <= high + 1e-9)).sum())
    return {way: count / (500 * -(-sets // 500)) for way, count in hits.items()}


def coverage(sets: int) -> Iterator[str]:
    """The table of coverage, line by line."""
    yield f"| scores | of | correlation | groups of | cases | {' | '.join(WAYS)} |"
    yield f"| --- | --- | ---: | ---: | ---: | {' | '.join(['---:'] * len(WAYS))} |"
    kinds: list[tuple[str, str, float, tuple[float, float]]] = [
        *(("right/wrong", "difference", correlation, (0.7, 0.6)) for correlation in (0, 0.5, 0.9)),
        *(("graded", "difference", correlation, (0, 0)) for correlation in (0, 0.5, 0.9)),
        ("graded, mostly 0", "difference", 0.5, (0, 0)),
        ("right/wrong, 95% and 90%", "difference", 0.5, (0.95, 0.9)),
        ("right/wrong", "mean", 0, (0.7, 0.6)),
        ("right/wrong, 95%", "mean", 0, (0.95, 0.9)),
        ("graded", "mean", 0, (0, 0)),
    ]
    for kind, of, correlation, rates in kinds:
        for group in (1, "mixed", 10):
            for cases in (50, 150, 500, 2_000):
                setting = Setting(cases, group, kind.partition(", 9")[0], correlation, rates)
                found = covered(setting, sets if cases < 2_000 else sets // 2, list(WAYS), of=of)
                figures = " | ".join(f"{100 * share:.1f}" for share in found.values())
                yield f"| {kind} | {of} | {correlation:g} | {group} | {cases:,} | {figures} |"


def table(scores: list[Floats], groups: Groups) -> ScoreTable:
    """One split on which the variants `base/zero-shot`, `v1`, `v2`, … scored so, each `(cases,)`."""
    names = ["base/zero-shot", *(f"v{place}" for place in range(1, len(scores)))]
    found = {name: Scores((0,), values[:, None]) for name, values in zip(names, scores, strict=True)}
    return ScoreTable("split", "metric", tuple(map(str, range(len(groups)))), groups, found)


def alarms(sets: int) -> Iterator[str]:
    """Comparisons of equal variants, and of two that differ by the margin, line by line."""
    yield "| scores | correlation | groups of | cases | variants | any different | tie, 3 points apart |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for kind in ("right/wrong", "graded"):
        for correlation in (0.0, 0.9):
            for group in (1, 10):
                for cases in (50, 150, 500):
                    for variants in (2, 6):
                        called = false_alarms(cases, group, kind, correlation, variants, sets)
                        ties = false_ties(cases, group, kind, correlation, sets) if variants == 2 else None
                        told = "" if ties is None else f"{100 * ties:.1f}%"
                        setting = f"{kind} | {correlation:g} | {group} | {cases} | {variants}"
                        yield f"| {setting} | {100 * called:.1f}% | {told} |"


def false_alarms(cases: int, group: int | str, kind: str, correlation: float, variants: int, sets: int) -> float:
    """In which share of comparisons of equal variants any pair is called different, after correction."""
    random = np.random.default_rng([20_260_102, cases, variants, round(100 * correlation)])
    setting = Setting(cases, group, kind, 0.0, (0.7, 0.7))
    found = 0
    for _ in range(sets):
        groups = setting.groups(random)
        common, *own = (setting.draw(random, groups, 1)[0][:, 0] for _ in range(variants + 1))
        scores = [np.where(random.random(cases) < np.sqrt(correlation), common, one) for one in own]
        pairs = paired_differences([table(scores, groups)])
        found += any(pair.verdict in ("a", "b") for pair in pairs)
    return found / sets


def false_ties(cases: int, group: int | str, kind: str, correlation: float, sets: int, margin: float = 0.03) -> float:
    """In which share of data sets two variants that differ by just the margin are called equal."""
    random = np.random.default_rng([20_260_103, cases, round(100 * correlation)])
    setting = Setting(cases, group, kind, correlation, (0.7, 0.7 - margin / (1 - correlation)))
    samples, apart = [], setting.truth[0] - setting.truth[1]
    for _ in range(sets):
        groups = setting.groups(random)
        first, second = setting.draw(random, groups, 1)
        samples.append(Sample.of(first[:, 0] - second[:, 0], groups))
    judged = [
        judge([one])[0] for one in differences([(sample,) for sample in samples], margin=apart, resamples=RESAMPLES)
    ]
    return float(np.mean([one.equal for one in judged]))


def power(sets: int) -> Iterator[str]:
    """How often a difference of detectable size is found, line by line; 80% is what is printed."""
    yield "| scores | discordance | groups of | cases | alpha | detectable | found |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for discordance in (0.05, 0.2, 0.5):
        for cases in (50, 150, 500, 2_000):
            for alpha in (0.05, 0.05 / 20):
                effect = mcnemar_detectable(cases, discordance, alpha=alpha)
                if effect is not None:
                    found = found_right_wrong(cases, max(effect, discordance), effect, alpha, sets)
                    told = f"{100 * effect:.1f} points | {100 * found:.1f}%"
                    yield f"| right/wrong | {discordance:g} | 1 | {cases:,} | {alpha:g} | {told} |"
    for group in (1, 3, 10):
        for cases in (50, 150, 500) if group < 10 else (150, 500):  # five groups show nothing
            for kind in ("right/wrong", "graded") if group > 1 else ("graded",):
                effect, found = found_by_groups(Setting(cases, group, kind, 0.5, (0.7, 0.7)), 0.05, min(sets, 2_000))
                told = f"{100 * effect:.1f} points | {100 * found:.1f}%"
                yield f"| {kind} | | {group} | {cases:,} | 0.05 | {told} |"


def found_right_wrong(cases: int, discordance: float, effect: float, alpha: float, sets: int) -> float:
    """How often McNemar's exact test finds a difference of `effect` between right/wrong scores."""
    shares = [(discordance + effect) / 2, (discordance - effect) / 2, 1 - discordance]
    counts = np.random.default_rng([20_260_104, cases]).multinomial(cases, np.clip(shares, 0, 1), sets)
    return float(np.mean([mcnemar_p(int(wins), int(losses)) < alpha for wins, losses, _ in counts]))


def found_by_groups(setting: Setting, alpha: float, sets: int) -> tuple[float, float]:
    """The difference that is detectable on average, and how often the permutation test finds it."""
    random = np.random.default_rng([20_260_105, setting.cases])
    groups = setting.groups(random)
    first, second = setting.draw(random, groups, sets)
    gaps = first - second - (setting.truth[0] - setting.truth[1])
    samples = [Sample.of(column, groups) for column in gaps.T]
    error = np.sqrt(np.mean([standard_error([sample], [1.0])[0] ** 2 for sample in samples[:200]]))
    effect = mean_detectable(float(error), len(np.unique(groups)) - 1, alpha=alpha) or 1.0
    found = permutation_p([Sample.of(column + effect, groups) for column in gaps.T], flips=RESAMPLES)
    return effect, float(np.mean(np.array(found) < alpha))


def seeds(sets: int) -> Iterator[str]:
    """False alarms and power with several seeds as a Markdown table, line by line."""
    yield "| seeds | scatter of a training | any different | 15 points found |"
    yield "| ---: | ---: | ---: | ---: |"
    for count in (2, 3, 5):
        for scatter in (0.03, 0.1):
            alarms, found = (100 * differ_with_seeds(count, scatter, sets, ahead) for ahead in (0, 0.15))
            yield f"| {count} | {100 * scatter:.0f} points | {alarms:.1f}% | {found:.1f}% |"


def differ_with_seeds(count: int, scatter: float, sets: int, ahead: float) -> float:
    """In which share of comparisons of six recipes, 150 graded cases, a difference is found.

    Any difference where all are equal; where one is `ahead`, its difference to the next.
    """
    random = np.random.default_rng([20_260_106, count, round(100 * scatter)])
    found = 0
    for _ in range(sets):
        case = random.normal(0.5, 0.2, (150, 1))
        luck = random.normal(0, scatter, (6, 1, count)) + random.normal(0, 0.15, (6, 150, 1))
        luck[0] += ahead
        scores = np.clip(case + luck + random.normal(0, 0.1, (6, 150, count)), 0, 1)
        quantities = [[Sample.of(a - b)] for a, b in combinations(scores, 2)]
        measured = zip(differences(quantities), student_p(quantities), strict=True)
        family = judge([replace(one, p=max(one.p, p)) for one, p in measured])
        found += any(one.better or one.worse for one in (family[:1] if ahead else family))
    return found / sets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["coverage", "alarms", "power", "seeds"])
    parser.add_argument("--sets", type=int, default=2_000, help="simulated data sets a line")
    arguments = parser.parse_args()
    start = time.perf_counter()
    tables = {"coverage": coverage, "alarms": alarms, "power": power, "seeds": seeds}
    for line in tables[arguments.what](arguments.sets):
        print(line, flush=True)
    print(f"\n{arguments.sets} data sets a line (half of it for 2,000 cases); {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
