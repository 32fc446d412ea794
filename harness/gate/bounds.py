"""Within which bounds does a mean surely lie? One-sided, from above and from below, for any number of cases.

A percentile bootstrap takes what it hasn't seen for impossible: where no answer of twenty got worse, it is certain that
none ever does. A gate lives at that end, so here one imagined case, the worst (or best) that there can be, stands
beside those that were seen, and all of them get weights that are drawn from an exponential distribution:

    mean = (e_1 d_1 + … + e_n d_n + e d_worst) / (e_1 + … + e_n + e)

That is Gaffke's bound ("Three test statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative
variable", Mathematical Methods of Statistics 14, 2005; its use: Phan, Thomas & Learned-Miller, "Towards practical mean
bounds for small samples", ICML 2021). For right and wrong it is what is known to be exact: the p of "it didn't fall"
is McNemar's exact one, P(Binomial(b + c, 1/2) >= b) for b cases that got worse and c that got better, and where all
changes go one way the bound is Clopper and Pearson's. Unlike those it also takes scores between 0 and 1, groups of
cases (one weight for each), means over splits (one imagined case, on the smallest) and seeds.

Knows nothing of rules, variants and metrics.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from harness.comparison import Sample
from harness.comparison.statistics.samples import Floats, Groups
from harness.comparison.statistics.seeds import seed_variance, widened

SEED = 20_240_302
LEAST_RESAMPLES = 10_000
_CHUNK = 4_000_000  # weights drawn at once, eight bytes each


@dataclass(frozen=True)
class Question:
    """Whether the mean of the means of `parts`, each with the same weight, lies above `above`, or below `below`.

    Every part has the same number of seeds.
    """

    parts: tuple[Sample, ...]
    above: float
    below: float


@dataclass(frozen=True)
class Bounds:
    """What is known of a mean: its value, 95% interval, and p values.

    `p_above` is that of "it is `above` or less", `p_below` that of "it is `below` or more", one-sided. `spread` is the
    standard error of the value, and `reach(alpha)` how far below the value its bound at level alpha lies.
    """

    value: float
    low: float
    high: float
    p_above: float
    p_below: float
    spread: float
    lower: Floats

    def reach(self, alpha: float) -> float:
        """How far the lower bound at the one-sided level `alpha` lies below the value."""
        return self.value - float(np.quantile(self.lower, alpha))


def resamples_for(questions: int) -> int:
    """How many draws so many questions need for the least p, 1 / (draws + 1), to survive Holm's correction."""
    return max(LEAST_RESAMPLES, 100 * questions)


def bounds(questions: Sequence[Question]) -> list[Bounds]:
    """The bounds of each question; raises ValueError where a part has no case."""
    parts = [part for question in questions for part in question.parts]
    if not all(len(part) for part in parts):
        raise ValueError("a part without cases has no bounds")
    groups = [np.unique(part.groups) for part in parts]
    resamples, most = resamples_for(len(questions)), 1 + max((int(own[-1]) for own in groups), default=0)
    lower, middle, upper = (np.empty((len(questions), resamples)) for _ in range(3))
    for chunk, weights, imagined in _weights(resamples, most, len(questions)):
        totals = zip(parts, groups, _totals(parts, groups, weights), strict=True)
        for place, question in enumerate(questions):
            drawn = [next(totals) for _ in question.parts]
            middle[place, chunk] = np.mean([sums / sizes for _, _, (sums, sizes) in drawn], axis=0)
            smallest, own, (sums, sizes) = min(drawn, key=lambda one: len(one[1]))
            size = imagined[place] * len(smallest) / len(own)
            for bound, end in zip((lower, upper), smallest.ends, strict=True):
                moved = (sums + size * end) / (sizes + size) - sums / sizes
                bound[place, chunk] = middle[place, chunk] + moved / len(question.parts)
    return [_bounds(*one) for one in zip(questions, lower, middle, upper, strict=True)]


def _weights(resamples: int, groups: int, questions: int) -> Iterator[tuple[slice, Floats, Floats]]:
    """Chunks of draws, with weights `(draws, groups)` and those of the imagined cases `(questions, draws)`."""
    random = np.random.default_rng(SEED)
    rows = max(1, _CHUNK // groups)
    for start in range(0, resamples, rows):
        drawn = min(rows, resamples - start)
        yield (
            slice(start, start + drawn),
            random.standard_exponential((drawn, groups)),
            random.standard_exponential((questions, drawn)),
        )


def _totals(parts: Sequence[Sample], groups: Sequence[Groups], weights: Floats) -> list[tuple[Floats, Floats]]:
    """The weighted sum of the scores of each part, and of its cases, `(draws,)` each.

    Parts with the same groups, as all variants on a split have, are one product of matrices.
    """
    alike: dict[bytes, list[int]] = defaultdict(list)
    for place, own in enumerate(groups):
        alike[own.tobytes()].append(place)
    found: dict[int, tuple[Floats, Floats]] = {}
    for places in alike.values():
        own = groups[places[0]]
        columns = [np.searchsorted(own, parts[place].groups) for place in places]
        scores = [np.bincount(at, parts[place].averaged, len(own)) for at, place in zip(columns, places, strict=True)]
        cases = [np.bincount(at, minlength=len(own)).astype(float) for at in columns]
        drawn = weights[:, own].T
        sums, sizes = np.stack(scores) @ drawn, np.stack(cases) @ drawn
        found |= {place: (sums[row], sizes[row]) for row, place in enumerate(places)}
    return [found[place] for place in range(len(parts))]


def _bounds(question: Question, lower: Floats, middle: Floats, upper: Floats) -> Bounds:
    shares = [1 / len(question.parts)] * len(question.parts)
    if seed_variance(question.parts, shares):
        seeded = [widened(draws, question.parts, shares) for draws in (lower, middle, upper)]
        # what no seed has shown may happen all the same: the imagined case stays
        lower, middle, upper = np.minimum(lower, seeded[0]), seeded[1], np.maximum(upper, seeded[2])
    lower, upper = lower.round(12), upper.round(12)  # so that a draw on the line is on it whatever the order of sums
    return Bounds(
        value=float(np.mean([part.mean() for part in question.parts])),
        low=float(np.quantile(lower, 0.025)),
        high=float(np.quantile(upper, 0.975)),
        p_above=(float((lower <= question.above).sum()) + 1) / (len(lower) + 1),
        p_below=(float((upper >= question.below).sum()) + 1) / (len(upper) + 1),
        spread=float(middle.std()),
        lower=lower,
    )
