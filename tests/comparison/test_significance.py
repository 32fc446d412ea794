import numpy as np
import pytest

from harness.comparison.statistics.samples import Sample
from harness.comparison.statistics.significance import is_right_or_wrong, mcnemar_p, permutation_p


def test_no_discordant_case_tells_nothing():
    """Where no case differs there is nothing to test."""
    assert mcnemar_p(0, 0) == 1
    assert permutation_p([Sample.of(np.zeros(30))], flips=1_000) == [1.0]


def test_groups_change_sign_together():
    """Twelve cases of four documents have the p of four numbers: 2 of 16 ways are as far from 0."""
    assert permutation_p([Sample.of(np.ones(12), np.arange(12) // 3)], flips=1_000) == [2 / 16]


def test_counted_and_drawn_agree():
    """Thirteen groups are counted and the same with a fourteenth of next to no weight are drawn, to the same p."""
    values = np.random.default_rng(0).normal(0.3, 1, 13)
    counted, drawn = permutation_p([Sample.of(values), Sample.of([*values, 1e-6])], flips=50_000)
    assert drawn == pytest.approx(counted, abs=0.01)


def test_order_and_company_change_nothing():
    """A sample has the same p alone as among others, whatever the order of its cases."""
    random = np.random.default_rng(2)
    samples = [Sample.of(random.normal(0.1, 1, 40), random.permutation(40)) for _ in range(5)]
    together = permutation_p(samples, flips=2_000)
    turned = Sample(samples[3].values[::-1], samples[3].groups[::-1])
    assert permutation_p([turned], flips=2_000) == [together[3]]


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (Sample.of([1.0, 0.0, -1.0]), True),
        (Sample.of([0.5, 0.0, -1.0]), False),
        (Sample.of([1.0, 0.0, -1.0], [0, 1, 1]), False),
        (Sample.of([[1.0, 0.0], [0.0, 0.0]]), False),
    ],
)
def test_mcnemar_is_for_right_and_wrong_on_cases_apart(sample, expected):
    """Graded scores, cases that share a group and several seeds are no case for McNemar."""
    assert is_right_or_wrong(sample) is expected
