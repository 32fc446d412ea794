"""Effective robustness: how far a score under shift lies above what the in-domain score predicts.

Over many models the logits of the two lie near a line, so that a fall may be no more than what comes with the in-domain
score; what counts is the distance from the line. Source: Taori et al., "Measuring robustness to natural distribution
shifts in image classification" (NeurIPS 2020): rho(f) = shifted(f) - beta(in-domain(f)), beta fitted on logits; here
over all variants of a run, the judged one among them. The variants count as given: another set of them has another
line, and many points of one recipe pull it to themselves.

A score of 0 or 1 has no logit. In the fit, all scores are those with half a case right and half a case wrong added, as
in `resampling` (Anscombe, "On estimating binomial response relations", Biometrika 43, 1956).

The interval covers the choice of cases (and seeds), by which the score and the line move. It is that of the delta
method, or infinitesimal jackknife (Efron & Tibshirani, "An introduction to the bootstrap", 1993, chapter 21): every
case counts with what it adds to each variant's mean, times how much that mean moves the result. Cases of one group are
added up, and seeds widen the interval as in `seeds`. It is nearly that of refitting the line to resampled cases. Knows
nothing of drops.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from harness.comparison.records.base import Mean
from harness.comparison.records.conclusions import ShiftLine
from harness.comparison.statistics.bootstrap import LEVEL
from harness.comparison.statistics.resampling import PSEUDO_WEIGHT
from harness.comparison.statistics.samples import Floats, Groups
from harness.comparison.statistics.tails import student
from harness.comparison.table import ScoreTable

_FEWEST = 3  # two points always lie on a line
_NOTHING = 1e-18  # squared logits that rounding makes of equal ones
_NORMAL = np.array(NormalDist().inv_cdf((1 + LEVEL) / 2))


@dataclass(frozen=True)
class Fit:
    """The line through `(variants,)` scores, and how far each of them lies above it.

    `by_before` and `by_after` `(variants, variants)` are the derivatives of `robustness` of the variant of the row by
    the in-domain and the shifted score of the variant of the column.
    """

    slope: float
    intercept: float
    r_squared: float
    robustness: Floats
    by_before: Floats
    by_after: Floats


def fit(before: Floats, after: Floats, *, cases: tuple[Floats, Floats]) -> Fit | None:
    """The least-squares line of logit `after` on logit `before`, both `(variants,)`, as are the `cases` of each.

    None where fewer than three in-domain scores are different, or where scores don't lie between 0 and 1.
    """
    scores = np.stack([before, after])
    if len(np.unique(before.round(12))) < _FEWEST or scores.min() < 0 or scores.max() > 1:
        return None
    shrinking = [count / (count + 2 * PSEUDO_WEIGHT) for count in cases]
    x, y = (0.5 + shrunk * (raw - 0.5) for shrunk, raw in zip(shrinking, scores, strict=True))
    logit_x, logit_y = (np.log(values / (1 - values)) for values in (x, y))
    from_mean = logit_x - logit_x.mean()
    spread = from_mean @ from_mean
    slope = float(from_mean @ logit_y / spread)
    on_line = logit_y.mean() + slope * from_mean
    residuals = logit_y - on_line
    total = float(((logit_y - logit_y.mean()) ** 2).sum())
    predicted = 1 / (1 + np.exp(-on_line))
    one, steepness = np.eye(len(x)), (predicted * (1 - predicted))[:, None]
    line_by_x = np.outer(from_mean, residuals - slope * from_mean) / spread + slope * (one - 1 / len(x))
    line_by_y = np.outer(from_mean, from_mean) / spread + 1 / len(x)
    return Fit(
        slope=slope,
        intercept=float(logit_y.mean() - slope * logit_x.mean()),
        r_squared=1 - float((residuals**2).sum()) / total if total > _NOTHING else 1.0,
        robustness=(y - predicted) / shrinking[1],
        by_before=-steepness * line_by_x * shrinking[0] / (x * (1 - x)) / shrinking[1][:, None],
        by_after=one - steepness * line_by_y * shrinking[1] / (y * (1 - y)) / shrinking[1][:, None],
    )


def effective_robustness(
    variants: Sequence[str], before: Sequence[ScoreTable], after: ScoreTable
) -> tuple[ShiftLine, list[Mean]] | None:
    """The line over `variants` from the macro mean on `before` to the score on `after`, and how far each is above it.

    All variants must have scored cases on all tables. None where `fit` finds no line, or they have no seed in common.
    """
    seeds = _common_seeds(variants, [*before, after])
    if not seeds:
        return None
    first = [_Deviations.of(table, variants, seeds) for table in before]
    second = _Deviations.of(after, variants, seeds)
    cases = (np.sum([each.cases for each in first], axis=0), second.cases)
    found = fit(np.mean([each.means for each in first], axis=0), second.means, cases=cases)
    if found is None:
        return None
    moves = [*((each, found.by_before / len(before)) for each in first), (second, found.by_after)]
    line = ShiftLine(
        split=after.split,
        slope=found.slope,
        intercept=found.intercept,
        variants=len(variants),
        r_squared=found.r_squared,
    )
    return line, [
        Mean(value=value, low=max(-1.0, value - reach), high=min(1.0, value + reach))
        for value, reach in zip(found.robustness.tolist(), _reaches(moves), strict=True)
    ]


def _common_seeds(variants: Sequence[str], tables: Sequence[ScoreTable]) -> tuple[int, ...]:
    """The seeds of all variants in which anything was drawn; a variant with one seed meets every seed of the others."""
    run = [table.scores[variant].seeds for table in tables for variant in variants]
    several = [set(seeds) for seeds in run if len(seeds) > 1]
    return tuple(sorted(set.intersection(*several))) if several else (0,)


@dataclass(frozen=True)
class _Deviations:
    """How much each case of one split adds to the means of the variants.

    `means` `(variants,)` are those of so many scored `cases`; `values` `(variants, cases, seeds)` add up to 0 over the
    cases, those unscored being 0. `unseen` `(variants,)` is the variance for what was not seen, that of two
    pseudo-cases as in `resampling`.
    """

    means: Floats
    cases: Floats
    values: Floats
    unseen: Floats
    groups: Groups

    @classmethod
    def of(cls, table: ScoreTable, variants: Sequence[str], seeds: tuple[int, ...]) -> "_Deviations":
        """Those of the scores in `table`, in these seeds."""
        every = [table.scores[variant] for variant in variants]
        columns = [scores.values if len(scores.seeds) == 1 else scores.of(seeds) for scores in every]
        values = np.stack([np.broadcast_to(column, (len(column), len(seeds))) for column in columns])
        means = np.nanmean(values, axis=(1, 2))
        cases = (~np.isnan(values[:, :, 0])).sum(axis=1).astype(np.float64)
        deviations = np.nan_to_num(values - means[:, None, None]) / cases[:, None, None]
        unseen = PSEUDO_WEIGHT * (means**2 + (1 - means) ** 2) / cases**2
        return cls(means, cases, deviations, unseen, table.groups)


def _reaches(moves: Sequence[tuple[_Deviations, Floats]]) -> list[float]:
    """Half the width of the interval of each result.

    `moves` has, for each split, the derivatives `(results, variants)` by the means on it.
    """
    groups, of_group = np.unique(np.concatenate([each.groups for each, _ in moves]), return_inverse=True)
    moved = np.concatenate([np.tensordot(by_means, each.values, axes=1) for each, by_means in moves], axis=1)
    unseen = np.sum([by_means**2 @ each.unseen for each, by_means in moves], axis=0)
    seeds, known = moved.shape[2], max(1, len(groups) - 1)
    reaches = []
    for values, of_unseen in zip(moved, unseen, strict=True):
        by_group = np.bincount(of_group, values.mean(axis=1))
        of_cases = by_group @ by_group * (known + 1) / known + of_unseen
        of_seeds = values.sum(axis=0).var(ddof=1) / seeds if seeds > 1 else 0.0
        freedom = float((of_cases + of_seeds) / (of_cases / known + of_seeds / max(1, seeds - 1)))
        reaches.append(float(np.sqrt(of_cases + of_seeds) * student(_NORMAL, freedom)))
    return reaches
