"""Where scipy and statsmodels have the same test, ours says the same to nine decimals; elsewhere up to resampling."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import ttost_paired

from harness.comparison.statistics.bootstrap import differences, mean_intervals
from harness.comparison.statistics.multiplicity import benjamini_hochberg, holm
from harness.comparison.statistics.power import mean_detectable, mean_power
from harness.comparison.statistics.samples import Sample
from harness.comparison.statistics.significance import mcnemar_p, permutation_p
from harness.comparison.statistics.tails import student

P_VALUES = [
    [0.01, 0.04, 0.03, 0.005, 0.2, 0.04],
    [0.5],
    [1.0, 1.0, 0.0],
    list(np.random.default_rng(0).random(100) ** 3),
]


@pytest.mark.parametrize(
    ("wins", "losses"), [(0, 0), (1, 0), (5, 5), (12, 3), (3, 12), (40, 61), (700, 640), (0, 2_000)]
)
def test_mcnemar(wins, losses):
    """McNemar's exact p is that of statsmodels, and that of scipy's binomial test."""
    found = mcnemar_p(wins, losses)
    assert found == pytest.approx(mcnemar([[9, wins], [losses, 9]], exact=True).pvalue, rel=1e-9, abs=1e-9)
    if wins + losses:
        assert found == pytest.approx(stats.binomtest(wins, wins + losses).pvalue, rel=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_permutation_of_few_groups(seed):
    """The permutation p of few groups, all signs counted, is that of scipy's permutation test of pairs."""
    random = np.random.default_rng(seed)
    first, second = random.random(8).round(1), random.random(8).round(1)
    expected = stats.permutation_test(
        (first, second), lambda a, b, axis: (a - b).mean(axis=axis), permutation_type="samples", vectorized=True
    ).pvalue
    assert permutation_p([Sample.of(first - second)], flips=10_000)[0] == pytest.approx(expected, abs=1e-9)


def test_permutation_of_many_cases():
    """With more cases than can be counted it is the same up to resampling."""
    random = np.random.default_rng(1)
    first, second = random.random(80), random.random(80) - 0.03
    expected = stats.permutation_test(
        (first, second),
        lambda a, b, axis: (a - b).mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=50_000,
        rng=np.random.default_rng(0),
    ).pvalue
    assert 0.02 < expected < 0.9
    assert permutation_p([Sample.of(first - second)], flips=50_000)[0] == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("p_values", P_VALUES, ids=len)
def test_corrections(p_values):
    """Holm's and Benjamini and Hochberg's adjusted p values are those of statsmodels."""
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1], abs=1e-9)
    assert benjamini_hochberg(p_values) == pytest.approx(multipletests(p_values, method="fdr_bh")[1], abs=1e-9)


@pytest.mark.parametrize("freedom", [4, 49, 999])
@pytest.mark.parametrize("effect", [0.01, 0.05, 0.1])
def test_power_of_a_mean(freedom, effect):
    """The power of a t test is that of statsmodels, one side at half the level."""
    error = 0.03
    expected = TTestPower().power(
        effect / error / np.sqrt(freedom + 1), freedom + 1, 0.005, df=freedom, alternative="larger"
    )
    assert mean_power(effect, error, freedom, alpha=0.01) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("freedom", [2, 9, 49, 1_999])
def test_detectable_mean(freedom):
    """The least mean that is found with 80% power is found with 80% power."""
    assert mean_power(mean_detectable(0.01, freedom), 0.01, freedom) == pytest.approx(0.8, abs=1e-7)


@pytest.mark.parametrize("freedom", [4, 9, 30, 200])
@pytest.mark.parametrize("normal", [0.5, 1.959964, 3.0])
def test_tails(freedom, normal):
    """Stretched normal numbers are quantiles of Student's t, to 3% of them, 1% in the usual range."""
    expected = stats.t.ppf(stats.norm.cdf(normal), freedom)
    assert student(np.array([normal]), freedom)[0] == pytest.approx(expected, rel=0.01 if normal < 2 else 0.03)


@pytest.mark.parametrize(("right", "cases"), [(700, 1_000), (990, 1_000), (1_000, 1_000), (3, 400)])
def test_interval_of_a_share(right, cases):
    """The interval of a share of right answers is that of Jeffreys, up to resampling."""
    [found] = mean_intervals([(Sample.of(np.arange(cases) < right, lowest=0),)])
    low, high = proportion_confint(right, cases, method="jeffreys")
    width = high - low
    assert (found.low, min(found.high, 1.0)) == pytest.approx((low, max(high, right / cases)), abs=0.05 * width)


def test_interval_and_p_of_graded_differences():
    """On many graded differences the interval and both p values are those of the t tests, up to resampling."""
    values = np.random.default_rng(3).normal(0.012, 0.2, 500)
    [found] = differences([(Sample.of(values),)], resamples=40_000)
    expected = stats.ttest_1samp(values, 0)
    bounds = expected.confidence_interval()
    assert (found.low, found.high) == pytest.approx((bounds.low, bounds.high), abs=0.001)
    assert found.p == pytest.approx(expected.pvalue, abs=0.01)
    equivalent = ttost_paired(values, np.zeros(500), -0.03, 0.03)[0]
    assert found.p_equivalent == pytest.approx(equivalent, abs=0.01)
