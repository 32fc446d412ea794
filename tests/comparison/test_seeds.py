import numpy as np
import pytest

from harness.comparison.statistics.bootstrap import differences, mean_intervals
from harness.comparison.statistics.samples import Sample
from harness.comparison.statistics.tails import student

CASES = np.random.default_rng(0).random((100, 1)) * 0.4 + 0.3
SHIFTS = np.array([-0.1, 0.0, 0.1])


def _interval(*samples, weights=None):
    [found] = differences([[Sample.of(values) for values in samples]], weights=weights)
    return found


def test_one_seed_is_the_bootstrap_over_cases():
    """A column of one seed gives the very figures of a vector without seeds."""
    assert _interval(CASES) == _interval(CASES[:, 0])


def test_seeds_that_disagree_widen_the_interval():
    """The same averages case by case: three seeds apart by ten points each are less sure than three that agree."""
    agreeing, disagreeing = _interval(CASES + 0 * SHIFTS), _interval(CASES + SHIFTS)
    assert agreeing.value == pytest.approx(disagreeing.value)
    assert (agreeing.low, agreeing.high) == pytest.approx((_interval(CASES).low, _interval(CASES).high))
    assert disagreeing.high - disagreeing.low > 3 * (agreeing.high - agreeing.low)


def test_where_only_seeds_vary_the_interval_is_that_of_students_t():
    """Five seeds, on each of which all cases score alike, give the t interval of five numbers."""
    # scipy.stats.t.interval(0.95, 4, loc=numpy.mean(x), scale=scipy.stats.sem(x)) for the five numbers below
    found = _interval(np.tile([0.42, 0.55, 0.47, 0.61, 0.50], (5_000, 1)))
    assert found.value == pytest.approx(0.51)
    assert (found.low, found.high) == pytest.approx((0.419180, 0.600820), abs=0.008)


@pytest.mark.parametrize(
    ("freedom", "quantile", "tolerance"),
    [(2, 4.302653, 0.05), (4, 2.776445, 0.01), (9, 2.262157, 0.002), (1e12, 1.959964, 1e-6)],
)
def test_normal_numbers_become_those_of_students_t(freedom, quantile, tolerance):
    """The normal 97.5% point becomes that of t, of either sign, and 0 stays 0."""
    # scipy.stats.t.ppf(0.975, freedom)
    found = student(np.array([-1.959964, 0.0, 1.959964]), freedom)
    assert found == pytest.approx([-quantile, 0, quantile], rel=tolerance)


def test_what_two_variants_share_by_seed_cancels():
    """Two variants that rise and fall with the same seeds differ as surely as if there were one seed."""
    worse = CASES - np.linspace(0, 0.2, 100)[:, None]
    together, apart = (CASES + SHIFTS) - (worse + SHIFTS), (CASES + SHIFTS) - (worse + SHIFTS[::-1])
    assert _interval(together).high == pytest.approx(_interval(CASES - worse).high)
    assert _interval(apart).high > _interval(together).high + 0.1


def test_splits_share_the_seeds():
    """A seed that is lucky on two splits makes their average unsure; luck on one and bad luck on the other cancel."""
    one_seed = _interval(CASES, CASES)
    same, opposite = _interval(CASES + SHIFTS, CASES + SHIFTS), _interval(CASES + SHIFTS, CASES - SHIFTS)
    assert opposite.high == pytest.approx(one_seed.high)
    assert same.high > one_seed.high + 0.05


def test_no_bound_leaves_the_range_of_the_scores():
    """However far three seeds lie apart, a share of right answers stays between 0 and 1."""
    seeds = np.stack([np.arange(40) < right for right in (5, 20, 39)], axis=1).astype(float)
    [found] = mean_intervals([(Sample.of(seeds, lowest=0),)])
    assert 0 <= found.low < 0.1
    assert 0.95 < found.high <= 1


def test_a_difference_between_unsure_variants_is_a_tie():
    """Ten points on average, which one of three seeds denies, are significant over cases and not over seeds."""
    difference = np.tile([0.25, 0.15, -0.10], (200, 1)) + np.random.default_rng(1).normal(0, 0.3, (200, 1))
    assert _interval(difference.mean(axis=1)).p < 0.001
    assert _interval(difference).p > 0.2


def test_seeds_are_drawn_reproducibly():
    """The same scores give the same figures, alone or among quantities with other numbers of seeds."""
    values = [CASES + SHIFTS, CASES, CASES + SHIFTS[:2], CASES[:50] - SHIFTS]
    quantities = [(Sample.of(one),) for one in values]
    together = differences(quantities, resamples=2_000)
    assert together == [differences([quantity], resamples=2_000)[0] for quantity in quantities]


@pytest.mark.parametrize("seeds", [3, 5])
def test_intervals_hold_the_truth_where_seeds_matter(seeds):
    """The 95% intervals of 600 simulated data sets hold the truth in 93% to 99%; over cases alone in less than 80%."""
    generator = np.random.default_rng(seeds)
    effects = [
        generator.normal(0, 1, (60, 1))
        + generator.normal(0, np.sqrt(3 * seeds / 60), seeds)
        + generator.normal(0, 1, (60, seeds))
        for _ in range(600)
    ]
    found = differences([(Sample.of(values),) for values in effects], resamples=500)
    alone = differences([(Sample.of(values.mean(axis=1)),) for values in effects], resamples=500)
    assert 0.93 <= np.mean([one.low <= 0 <= one.high for one in found]) <= 0.99
    assert np.mean([one.low <= 0 <= one.high for one in alone]) < 0.8


def test_samples_with_different_seeds_are_no_quantity():
    """Splits that were answered by different numbers of seeds can't be averaged."""
    with pytest.raises(ValueError, match=r"different numbers of seeds: \[1, 3\]"):
        _interval(CASES, CASES + SHIFTS)
