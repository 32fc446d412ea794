"""Which variants differ, split by split and metric by metric? Paired differences with interval, p values and verdict.

Knows nothing of costs.
"""

from collections.abc import Mapping, Sequence
from math import comb

from harness.comparison.records.comparison import REFERENCE_VARIANT, Pair, Test
from harness.comparison.statistics.bootstrap import (
    MARGIN,
    RESAMPLES,
    differences,
    held_to_interval,
    standard_error,
    student_p,
)
from harness.comparison.statistics.multiplicity import ALPHA, Judged, benjamini_hochberg, judge
from harness.comparison.statistics.power import mcnemar_detectable, mean_detectable
from harness.comparison.statistics.samples import Sample
from harness.comparison.statistics.significance import is_right_or_wrong, mcnemar_p, permutation_p
from harness.comparison.table import ScoreTable

_DRAWS_A_TEST = 80  # the least p, 2 in so many and one, times their number stays below 0.03
_LEAST_GROUPS = 20  # for a power to be told of


def paired_differences(
    tables: Sequence[ScoreTable], after: Mapping[str, str] | None = None, *, margin: float = MARGIN
) -> list[Pair]:
    """Every variant against `base/zero-shot`, what it was trained on top of, and the best other one, table by table.

    `after` names, for a variant that was trained on top of another one, that other one: what was forgotten on the way.

    The differences are paired by case over the cases that both variants have scored. All couples of a table are one
    family for Holm's correction, since the scores chose with whom each is compared; all pairs of all tables are one
    exploration. Two variants without a common case make no pair.
    """
    found = [pair for table in tables for pair in _of_table(table, after or {}, margin)]
    q_values = benjamini_hochberg([pair.p for pair in found])
    return [pair.model_copy(update={"q": round(q, 6)}) for pair, q in zip(found, q_values, strict=True)]


def _of_table(table: ScoreTable, after: Mapping[str, str], margin: float) -> list[Pair]:
    paired = {(a, b): sample for a, b in opponents(table, after) if len(sample := table.difference(a, b))}
    if not paired:
        return []
    samples = list(paired.values())
    among = comb(len(table.variants), 2)  # the best is chosen by the scores: every couple could have been compared
    tests = [suited_test(sample) for sample in samples]
    resamples = max(RESAMPLES, _DRAWS_A_TEST * among if "bootstrap" in tests else 100 * len(samples))
    found = differences([(sample,) for sample in samples], resamples=resamples, margin=margin)
    p_values = _p_values(samples, tests, [difference.p for difference in found], max(RESAMPLES, _DRAWS_A_TEST * among))
    judged = judge(held_to_interval(found, p_values), among=among)
    alpha = ALPHA / among
    return [
        _pair(table, couple, sample, test, one, detectable(sample, test, alpha, resamples))
        for (couple, sample), test, one in zip(paired.items(), tests, judged, strict=True)
    ]


def suited_test(sample: Sample) -> Test:
    """Which test says whether there is any difference: exact where it can be, bootstrap where several seeds vary."""
    if sample.seeds > 1:
        return "bootstrap"
    return "mcnemar" if is_right_or_wrong(sample) else "permutation"


def _p_values(samples: Sequence[Sample], tests: Sequence[Test], counted: Sequence[float], flips: int) -> list[float]:
    """The p of each sample by its test; with several seeds the larger of what was `counted` and Student's."""
    permuted = [sample for sample, test in zip(samples, tests, strict=True) if test == "permutation"]
    seeded = [[sample] for sample, test in zip(samples, tests, strict=True) if test == "bootstrap"]
    by_permutation, by_student = iter(permutation_p(permuted, flips=flips)), iter(student_p(seeded))
    found = []
    for sample, test, p in zip(samples, tests, counted, strict=True):
        if test == "mcnemar":
            found.append(mcnemar_p(*_won_and_lost(sample)))
        else:
            found.append(next(by_permutation) if test == "permutation" else max(p, next(by_student)))
    return found


def detectable(sample: Sample, test: Test, alpha: float, resamples: int) -> float | None:
    """The smallest difference that as many cases as in `sample`, as discordant, show at `alpha` with 80% power.

    None with fewer than 20 groups of which signs are flipped, or draws counted: the formula then promises up to 5
    points of power too much (docs/statistics.md), and of five groups, whose signs fall in 32 ways, nothing is ever
    significant.
    """
    if test == "mcnemar":
        return mcnemar_detectable(len(sample), sum(_won_and_lost(sample)) / len(sample), alpha=alpha)
    if len(sample.group_sizes[0]) < _LEAST_GROUPS:
        return None
    return mean_detectable(*standard_error([sample], [1.0], resamples), alpha=alpha)


def _won_and_lost(sample: Sample) -> tuple[int, int]:
    return int((sample.values > 0).sum()), int((sample.values < 0).sum())


def opponents(table: ScoreTable, after: Mapping[str, str]) -> list[tuple[str, str]]:
    """Who is compared with whom: all with `base/zero-shot`, then as `after` says, then with the best other.

    No couple comes twice.

    The best other variant is the one with the highest mean; of equal ones, the first in the table.
    """
    means = {variant: float(scored.mean()) for variant in table.variants if len(scored := table.scored(variant))}
    couples = [(variant, REFERENCE_VARIANT) for variant in means if REFERENCE_VARIANT in means]
    couples += [(variant, after[variant]) for variant in means if after.get(variant) in means]
    for variant in means:
        others = [other for other in means if other != variant]
        if others:
            couples.append((variant, max(others, key=lambda other: means[other])))
    unordered: dict[frozenset[str], tuple[str, str]] = {}
    for a, b in couples:
        if a != b:
            unordered.setdefault(frozenset((a, b)), (a, b))
    return list(unordered.values())


def _pair(
    table: ScoreTable, couple: tuple[str, str], sample: Sample, test: Test, judged: Judged, least: float | None
) -> Pair:
    return Pair(
        a=couple[0],
        b=couple[1],
        split=table.split,
        metric=table.metric,
        n=len(sample),
        difference=judged.value,
        low=judged.low,
        high=judged.high,
        test=test,
        p=judged.p,
        p_adjusted=judged.p_adjusted,
        q=judged.p,
        p_equivalent=judged.p_equivalent_adjusted,
        detectable=least,
        verdict="a" if judged.better else "b" if judged.worse else "tie" if judged.equal else "unknown",
    )
