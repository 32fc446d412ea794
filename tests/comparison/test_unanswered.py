import numpy as np
import pytest

from harness.comparison import Sample
from harness.comparison.statistics.bootstrap import differences
from harness.comparison.statistics.power import cases_needed
from harness.comparison.verdict.unanswered import cases_to_tell


@pytest.mark.parametrize(("cases", "wins", "losses"), [(200, 20, 20), (1000, 60, 40), (400, 100, 100)])
def test_cases_to_tell_are_those_of_mcnemars_test(cases: int, wins: int, losses: int) -> None:
    """For right and wrong answers the interval's width needs about as many cases as the formula for McNemar's test."""
    gaps = np.array([1.0] * wins + [-1.0] * losses + [0.0] * (cases - wins - losses))
    [interval] = differences([(Sample.of(gaps),)])
    found = cases_to_tell(0.03, interval, cases)
    assert found == pytest.approx(cases_needed(0.03, (wins + losses) / cases), rel=0.08)


def test_grouped_cases_need_more() -> None:
    """Where ten cases each stand and fall together, ten times as many are needed, more or less."""
    gaps = np.repeat(np.array([1.0] * 10 + [-1.0] * 10 + [0.0] * 80), 10)
    [alone] = differences([(Sample.of(gaps),)])
    [grouped] = differences([(Sample.of(gaps, np.repeat(np.arange(100), 10)),)])
    ratio = cases_to_tell(0.03, grouped, 1000) / cases_to_tell(0.03, alone, 1000)
    assert 8 < ratio < 12
