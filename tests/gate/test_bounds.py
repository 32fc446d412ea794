import numpy as np
import pytest
from scipy.stats import beta, binomtest

from harness.comparison import Sample
from harness.gate.bounds import Question, bounds
from harness.gate.power import cases_needed, power


def _of(worse, better, cases, margin=0.03):
    values = [-1.0] * worse + [1.0] * better + [0.0] * (cases - worse - better)
    [found] = bounds([Question((Sample.of(values),), -margin, 0.0)])
    return found


@pytest.mark.parametrize(("worse", "better"), [(8, 0), (10, 3), (5, 5), (30, 14)])
def test_the_p_of_no_fall_is_that_of_mcnemar(worse, better):
    """For right and wrong the p of "it didn't fall" is McNemar's exact one, within what 10,000 draws tell."""
    expected = binomtest(worse, worse + better, 0.5, alternative="greater").pvalue
    assert _of(worse, better, 150).p_below == pytest.approx(expected, abs=3 * np.sqrt(expected / 10_000))


@pytest.mark.parametrize("worse", [0, 1, 4])
def test_the_bound_is_that_of_clopper_and_pearson(worse):
    """Where all changes go one way, the bound is the exact one of a share."""
    found = _of(worse, 0, 150)
    assert found.value - found.reach(0.05) == pytest.approx(-beta.ppf(0.95, worse + 1, 150 - worse), abs=0.002)


@pytest.mark.parametrize(("cases", "shown"), [(90, False), (110, True)])
def test_too_few_cases_show_nothing_even_if_none_changed(cases, shown):
    """That less than three points were lost takes ln(0.05) / ln(0.97) = 98 cases, of which none changed."""
    assert (_of(0, 0, cases).p_above < 0.05) is shown


def test_cases_of_one_group_count_as_one():
    """Ten documents of ten cases that change together show what ten cases show, not a hundred."""
    values, groups = np.repeat([-1.0] * 4 + [0.0] * 6, 10), np.repeat(np.arange(10), 10)
    alone, together = bounds([Question((Sample.of(v, g),), -0.03, 0.0) for v, g in ((values, None), (values, groups))])
    assert alone.p_below < 1e-3
    assert together.p_below == pytest.approx(0.5**4, abs=0.01)


def test_a_mean_over_splits_imagines_one_case():
    """Two splits of 75 are as sure as one of 150: one case is imagined, not one on each."""
    halves = tuple(Sample.of([0.0] * 75, np.arange(75) + 75 * half) for half in (0, 1))
    found, whole = bounds([Question(halves, -0.03, 0.0), Question((Sample.of([0.0] * 150),), -0.03, 0.0)])
    assert found.reach(0.05) == pytest.approx(whole.reach(0.05), abs=0.003)


def test_seeds_that_differ_reach_further():
    """Where training moves the score from seed to seed, the bound reaches further than over cases alone."""
    columns = np.stack(
        [np.repeat([1.0, 0.0, -1.0], [up, 100 - up - down, down]) for up, down in [(9, 0), (0, 9), (5, 5)]]
    )
    apart, alike = bounds([Question((Sample.of(v),), -0.03, 0.0) for v in (columns.T, columns[2][:, None])])
    assert apart.reach(0.05) > alike.reach(0.05)


def test_a_floor_is_a_bound_on_a_share():
    """The score itself is bounded by 0 and 1: 95 of 100 right are shown to lie above 0.9, 5% of the time wrongly."""
    values = [1.0] * 95 + [0.0] * 5
    [found] = bounds([Question((Sample.of(values, lowest=0.0),), 0.9, 0.9)])
    assert found.p_above == pytest.approx(binomtest(95, 100, 0.9, alternative="greater").pvalue, abs=0.006)


def test_power_is_what_a_simulation_shows():
    """The printed power lies within three points of how often unchanged runs pass."""
    random = np.random.default_rng(0)
    luck = random.random((400, 900))
    samples = [Sample.of(np.where(row < 0.1, -1.0, np.where(row < 0.2, 1.0, 0.0))) for row in luck]
    found = [
        one for k in range(0, 400, 100) for one in bounds([Question((s,), -0.03, 0.0) for s in samples[k : k + 100]])
    ]
    printed = np.mean([power(one, 0.03, 0.05) for one in found])
    assert printed == pytest.approx(np.mean([one.p_above < 0.05 for one in found]), abs=0.03)


@pytest.mark.parametrize("changed", [5, 15])
def test_the_cases_that_are_needed_give_that_power(changed):
    """As many times more of the same cases as are told to be needed have a power of 80%."""
    found = _of(changed, changed, 150, margin=0.02)
    needed = cases_needed(found, 0.02, 0.05, 150)
    more = _of(*[round(changed * needed / 150)] * 2, needed, margin=0.02)
    assert power(more, 0.02, 0.05) == pytest.approx(0.8, abs=0.03)


def test_where_nothing_changed_a_number_of_cases_still_is_needed():
    """Two points take about ln(0.05) / ln(0.98) = 149 cases of which none changed."""
    assert cases_needed(_of(0, 0, 60, margin=0.02), 0.02, 0.05, 60) == pytest.approx(149, rel=0.05)
