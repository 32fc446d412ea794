import numpy as np
import pytest

from harness.comparison.statistics.bootstrap import (
    differences,
    held_to_interval,
    mean_intervals,
    resampled_means,
    resamples_for,
    student_p,
    two_sided_p,
)
from harness.comparison.statistics.samples import Sample

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
    [found] = mean_intervals([(Sample.of(sample),)])
    assert found.value == pytest.approx(sample.mean())
    assert (found.low, found.high) == pytest.approx((low, high), abs=TOLERANCE)


def test_weighted_samples_agree_with_scipy():
    """Weights 1 and -1 give the interval of a difference between two independent samples."""
    # scipy.stats.bootstrap((a, b), lambda u, v, axis: u.mean(axis) - v.mean(axis), n_resamples=100_000,
    #                       method="percentile", rng=numpy.random.default_rng(1)).confidence_interval
    a, b = (np.arange(100) % 4 != 0).astype(float), (np.arange(60) % 3 == 0).astype(float)
    [found] = differences([(Sample.of(a), Sample.of(b))], weights=[1, -1])
    assert (found.low, found.high) == pytest.approx((0.266667, 0.56), abs=0.012)


def test_samples_of_one_size_share_their_resamples():
    """Two samples of the same size are resampled by the same draws, so equal samples give equal resamples."""
    sample = np.random.default_rng(0).random(40)
    first, second = resampled_means([Sample.of(sample / 2), Sample.of(-sample / 2)], resamples=500)
    assert np.corrcoef(first, second)[0, 1] < -0.95


def test_streams_are_independent():
    """The same sample in two streams is drawn independently: the resampled means don't correlate."""
    values = np.random.default_rng(0).random(40)
    samples = [Sample.of(values, np.arange(40) + start) for start in (0, 40)]
    first, second = resampled_means(samples, resamples=10_000)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.05


def test_result_does_not_depend_on_company():
    """A quantity has the same figures alone as among seventy others of several sizes."""
    samples = [Sample.of(np.random.default_rng(seed).random(20 + seed % 3) - 0.4) for seed in range(71)]
    together = differences([(sample,) for sample in samples], resamples=2_000)
    assert differences([(samples[70],)], resamples=2_000) == [together[70]]


def test_many_cases_are_drawn_in_chunks():
    """Thousands of cases are resampled too, with the standard error that theory gives."""
    sample = Sample.of(np.tile([0.0, 1.0], 2_500))
    means = resampled_means([sample], resamples=1_500)
    assert means.std() == pytest.approx(0.5 / np.sqrt(5_000), rel=0.1)


def test_p_counts_both_sides_with_the_correction():
    """p is min(1, 2 * min(#(d <= 0) + 1, #(d >= 0) + 1) / (B + 1)), by hand for nine resamples."""
    resampled = np.array([[0.1] * 9, [0.1] * 7 + [-0.1] * 2, [0.0] * 9])
    assert two_sided_p(resampled) == pytest.approx([2 * 1 / 10, 2 * 3 / 10, 1.0])


def test_a_tie_of_three_points_takes_99_cases():
    """98 cases without a difference are seen by chance more than once in twenty where 3% are lost, 99 are not."""
    few, enough = differences([(Sample.of(np.zeros(98)),), (Sample.of(np.zeros(99)),)])
    assert few.p_equivalent == pytest.approx(0.97**98)
    assert enough.p_equivalent < 0.05 < few.p_equivalent


def test_a_few_equal_scores_prove_no_tie():
    """Twenty cases without a difference leave room for one of more than three points; two hundred don't."""
    few, many = differences([(Sample.of(np.zeros(20)),), (Sample.of(np.zeros(200)),)])
    assert few.value == many.value == 0
    assert few.low < -0.03 < 0.03 < few.high
    assert few.p_equivalent > 0.1
    assert many.p_equivalent < 0.01
    assert min(few.p, many.p) > 0.9


def test_correction_can_always_reach_significance():
    """However large the family, the least possible p survives multiplication by its size."""
    assert all(2 / (resamples_for(size) + 1) * size < 0.02 for size in (1, 25, 50, 200, 5_000))
    assert resamples_for(25) == 10_000


def test_empty_sample_is_refused():
    """A mean of nothing is an error, not NaN."""
    with pytest.raises(ValueError, match="empty sample"):
        resampled_means([Sample.of([])], resamples=100)


def test_cases_of_a_group_are_drawn_together():
    """Forty cases of four documents that all say the same of theirs are no surer than four cases."""
    four = np.array([0.1, 0.4, 0.5, 0.8])
    forty = Sample.of(np.repeat(four, 10), np.repeat(np.arange(4), 10))
    [grouped], [alone], [apart] = (
        differences([(sample,)]) for sample in (forty, Sample.of(four), Sample.of(np.repeat(four, 10)))
    )
    assert grouped.high - grouped.low == pytest.approx(alone.high - alone.low, rel=0.15)
    assert apart.high - apart.low < 0.3 * (grouped.high - grouped.low)


def test_splits_that_share_documents_are_drawn_together():
    """Two splits about the same documents are no surer together than one; about others they are."""
    values = np.random.default_rng(0).random(100)
    one = Sample.of(values)
    same, other = Sample.of(values), Sample.of(values, np.arange(100, 200))
    [single], [shared], [separate] = (differences([quantity]) for quantity in ((one,), (one, same), (one, other)))
    assert shared.high - shared.low == pytest.approx(single.high - single.low, rel=0.05)
    assert separate.high - separate.low == pytest.approx((single.high - single.low) / np.sqrt(2), rel=0.05)


def test_what_was_not_seen_does_not_cancel():
    """Where two splits ask about the same documents and all answers are right, their difference has an interval."""
    right = Sample.of(np.ones(60), np.repeat(np.arange(15), 4), lowest=0)
    [found] = differences([(right, right)], weights=[1, -1])
    assert found.low < -0.05
    assert found.high > 0.05


def test_a_difference_of_differences_is_no_surer_tie_than_one_of_them():
    """Two samples of 98 equal cases, one minus the other, show no tie within three points, as little as one does."""
    one, other = Sample.of(np.zeros(98)), Sample.of(np.zeros(98), np.arange(98, 196))
    [found] = differences([(one, other)], weights=[1, -1])
    assert found.p_equivalent >= 0.97**98


def test_one_document_tells_nothing():
    """However many cases ask about one document, the interval of their mean is as wide as it can be."""
    [found] = mean_intervals([(Sample.of(np.arange(50) % 2, np.zeros(50), lowest=0),)])
    assert found.low < 0.01
    assert found.high > 0.99


def test_other_cases_of_other_variants_share_their_draws():
    """Where one variant lacks a case, the others are drawn as before: what both have has the same weights."""
    values = np.random.default_rng(0).random(100)
    whole, without = resampled_means([Sample.of(values), Sample.of(values[1:], np.arange(1, 100))], resamples=2_000)
    assert np.corrcoef(whole, without)[0, 1] > 0.98


def test_unequal_groups_count_less():
    """Ten groups of which one has nearly all cases are worth little more than one."""
    sizes = np.array([91, *[1] * 9])
    assert Sample.of(np.zeros(100), np.repeat(np.arange(10), sizes)).effective_groups == pytest.approx(1.2, abs=0.01)
    assert Sample.of(np.zeros(100), np.repeat(np.arange(10), 10)).effective_groups == pytest.approx(10)


def test_students_p_is_that_of_the_t_test_far_into_the_tail():
    """For many graded cases it is the paired t test's, where counted draws would all be on one side."""
    # scipy.stats.ttest_1samp(sample, 0).pvalue
    sample = ((np.arange(400) * 7) % 11 - 3.8) / 10
    assert student_p([[Sample.of(sample)]]) == pytest.approx([2.74e-13], rel=0.3)
    assert student_p([[Sample.of(np.zeros(40))]]) == [1]


def test_seeds_that_agree_by_chance_are_not_believed():
    """The p of a difference on which two seeds agree is larger beside others on which they don't."""
    steady = [Sample.of(np.full((100, 2), 0.1) + np.linspace(-0.2, 0.2, 100)[:, None])]
    apart = [Sample.of(np.tile([0.3, -0.1], (100, 1)) + np.linspace(-0.2, 0.2, 100)[:, None])]
    [alone], [beside, other] = student_p([steady]), student_p([steady, apart])
    assert alone < 0.01 < beside
    assert other == pytest.approx(student_p([apart])[0], abs=0.2)


def test_the_p_of_an_interval_that_holds_nothing_is_never_small():
    """Whatever the scores and the number of draws: an interval that holds 0 has a p of 0.05 or more, tested or not."""
    draw = np.random.default_rng(5)
    family = [(Sample.of(draw.choice([-1.0, 0.0, 1.0, 1.0], size=cases)),) for cases in range(3, 60)]
    for resamples in (999, 2_000, 10_000):
        found = differences(family, resamples=resamples)
        holding = [one for one in held_to_interval(found, [0.001] * len(found)) if one.low <= 0 <= one.high]
        assert 10 < len(holding) < len(family)
        assert all(one.p >= 0.05 for one in holding)
        assert {one.p for one in held_to_interval(found, [0.001] * len(found)) if one not in holding} == {0.001}
