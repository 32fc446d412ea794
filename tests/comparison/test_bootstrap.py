import numpy as np
import pytest

from harness.comparison.bootstrap import differences, mean_intervals, resampled_means, resamples_for, two_sided_p

TOLERANCE = 0.008  # resampling noise of a percentile bound with 10,000 resamples, about four standard errors

# scipy 1.17.1, for each sample below:
#   scipy.stats.bootstrap((sample,), numpy.mean, n_resamples=100_000, method="percentile",
#                         rng=numpy.random.default_rng(1)).confidence_interval
SCIPY = [
    pytest.param((np.arange(150) % 5 == 0).astype(float), 0.14, 0.266667, id="binary"),
    pytest.param(np.sqrt(np.arange(80) / 80), 0.606279, 0.711956, id="graded"),
    pytest.param(((np.arange(120) * 7) % 11 - 4) / 10, 0.043333, 0.1575, id="differences"),
]


@pytest.mark.parametrize(("sample", "low", "high"), SCIPY)
def test_interval_agrees_with_scipy(sample, low, high):
    """The percentile interval of a mean is that of scipy.stats.bootstrap, up to resampling noise."""
    [found] = mean_intervals([(sample,)])
    assert found.value == pytest.approx(sample.mean())
    assert (found.low, found.high) == pytest.approx((low, high), abs=TOLERANCE)


def test_weighted_samples_agree_with_scipy():
    """Weights 1 and -1 give the interval of a difference between two independent samples."""
    # scipy.stats.bootstrap((a, b), lambda u, v, axis: u.mean(axis) - v.mean(axis), n_resamples=100_000,
    #                       method="percentile", rng=numpy.random.default_rng(1)).confidence_interval
    a, b = (np.arange(100) % 4 != 0).astype(float), (np.arange(60) % 3 == 0).astype(float)
    [found] = differences([(a, b)], weights=[1, -1])
    assert (found.low, found.high) == pytest.approx((0.266667, 0.56), abs=0.012)


def test_samples_of_one_size_share_their_resamples():
    """Two samples of the same size are resampled by the same draws, so equal samples give equal resamples."""
    sample = np.random.default_rng(0).random(40)
    means = resampled_means([sample, sample + 1], resamples=500)
    assert np.allclose(means[:, 1] - means[:, 0], 1)


def test_streams_are_independent():
    """The same sample in two streams is drawn independently: the resampled means don't correlate."""
    sample = np.random.default_rng(0).random(40)
    first, second = (resampled_means([sample], resamples=10_000, stream=stream)[:, 0] for stream in (0, 1))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.05


def test_result_does_not_depend_on_company():
    """A quantity has the same figures alone as among seventy others of several sizes."""
    samples = [np.random.default_rng(seed).random(20 + seed % 3) - 0.4 for seed in range(71)]
    together = differences([(sample,) for sample in samples], resamples=2_000)
    assert differences([(samples[70],)], resamples=2_000) == [together[70]]


def test_many_cases_are_drawn_in_chunks():
    """Thousands of cases are resampled too, with the standard error that theory gives."""
    sample = np.tile([0.0, 1.0], 2_500)
    means = resampled_means([sample], resamples=1_500)
    assert means.std() == pytest.approx(0.5 / np.sqrt(5_000), rel=0.1)


def test_p_counts_both_sides_with_the_correction():
    """p is min(1, 2 * min(#(d <= 0) + 1, #(d >= 0) + 1) / (B + 1)), by hand for nine resamples."""
    resampled = np.array([[0.1] * 9, [0.1] * 7 + [-0.1] * 2, [0.0] * 9]).T
    assert two_sided_p(resampled) == pytest.approx([2 * 1 / 10, 2 * 3 / 10, 1.0])


def test_equal_scores_are_a_certain_tie():
    """Differences that are all zero have p = 1 and an interval of no width at zero."""
    [found] = differences([(np.zeros(50),)])
    assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_correction_can_always_reach_significance():
    """However large the family, the least possible p survives multiplication by its size."""
    assert all(2 / (resamples_for(size) + 1) * size < 0.02 for size in (1, 25, 50, 200, 5_000))
    assert resamples_for(25) == 10_000


def test_empty_sample_is_refused():
    """A mean of nothing is an error, not NaN."""
    with pytest.raises(ValueError, match="empty sample"):
        resampled_means([np.array([])])
