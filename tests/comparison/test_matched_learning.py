"""Two curves are compared where they have learnt the same."""

import numpy as np
import pytest

from harness.comparison.findings.matched import at_matched_learning


def height(weights: np.ndarray, kept: list[float]) -> float:
    return float(weights @ np.array(kept))


def test_one_straight_line_is_as_high_as_itself_at_other_points():
    """Points on one line, though at other rates, are equally high at matched learning."""
    first, second = [0.1, 0.3, 0.9], [0.2, 0.5, 0.6, 0.95]
    weights = at_matched_learning(first, second)
    assert height(weights[0], [1 - x for x in first]) == pytest.approx(height(weights[1], [1 - x for x in second]))


def test_the_height_is_the_mean_over_what_both_reach():
    """Over 0.2 to 0.8, which both reach, the line 1 - x is 0.5 high on average."""
    weights = at_matched_learning([0.0, 0.8], [0.2, 1.0])
    assert height(weights[0], [1.0, 0.2]) == pytest.approx(0.5)
    assert weights[0].sum() == weights[1].sum() == pytest.approx(1)


def test_a_curve_that_lies_higher_is_higher():
    """A method that keeps 0.1 more at every level is 0.1 higher."""
    first, second = [0.2, 0.6, 0.9], [0.1, 0.5, 0.8]
    weights = at_matched_learning(first, second)
    kept = height(weights[0], [1.1 - x for x in first]), height(weights[1], [1 - x for x in second])
    assert kept[0] - kept[1] == pytest.approx(0.1)


def test_rates_past_the_peak_count_nothing():
    """What comes after the point that learnt the most, and learnt less again, has no weight."""
    weights = at_matched_learning([0.2, 0.9, 0.4], [0.1, 0.8])
    assert weights[0][2] == 0


def test_curves_that_never_meet_cannot_be_compared():
    """Where one method always learnt more than the other ever did, there is no matched learning."""
    assert at_matched_learning([0.5, 0.9], [0.1, 0.4]) is None
