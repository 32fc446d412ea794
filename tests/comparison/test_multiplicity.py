import pytest

from harness.comparison import Difference, holm, judge


def test_holm_agrees_with_statsmodels():
    """Adjusted p values, ties included, are those of statsmodels."""
    # statsmodels.stats.multitest.multipletests([0.01, 0.04, 0.03, 0.005, 0.2, 0.04], method="holm")[1]
    assert holm([0.01, 0.04, 0.03, 0.005, 0.2, 0.04]) == pytest.approx([0.05, 0.12, 0.12, 0.03, 0.2, 0.12])


def test_holm_never_exceeds_one_and_accepts_an_empty_family():
    """Adjusted p values stay probabilities."""
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_what_was_chosen_counts_with_what_could_have_been():
    """One p value that was chosen among ten is adjusted as the least of ten."""
    [judged] = judge([Difference(0.1, 0.01, 0.19, 0.004, 0.01)], among=10)
    assert judged.p_adjusted == pytest.approx(0.04)
    assert judged.p_equivalent_adjusted == 0.01


def test_significance_takes_the_whole_family_into_account():
    """p = 0.03 is significant alone and a tie among three."""
    difference = Difference(-0.1, -0.19, -0.01, 0.03, 1.0)
    assert judge([difference])[0].worse
    assert not any(judged.worse or judged.better for judged in judge([difference] * 3))
