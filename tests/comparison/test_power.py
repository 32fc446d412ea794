import numpy as np
import pytest

from harness.comparison.statistics.power import (
    cases_needed,
    mcnemar_detectable,
    mcnemar_power,
    mean_detectable,
    mean_power,
    smallest_detectable,
)
from harness.comparison.statistics.significance import mcnemar_p


@pytest.mark.parametrize(("cases", "discordance"), [(100, 0.2), (150, 0.5), (700, 0.2), (3000, 0.05)])
def test_a_simulated_difference_is_found_as_often_as_it_says(cases: int, discordance: float) -> None:
    """McNemar's test of simulated pairs finds that difference in 78 to 84 of 100 trials, the more the fewer cases."""
    effect = smallest_detectable(cases, discordance)
    assert effect is not None
    better, worse = (discordance + effect) / 2, (discordance - effect) / 2
    counts = np.random.default_rng(0).multinomial(cases, [better, worse, 1 - discordance], size=20_000)
    up, down = counts[:, 0], counts[:, 1]
    found = np.abs(up - down) / np.sqrt(np.maximum(up + down, 1)) > 1.959964
    assert 0.78 < found.mean() < 0.84


def test_no_difference_is_found_five_times_in_a_hundred() -> None:
    """The simulated test itself is what the formula is about: two-sided at 0.05."""
    counts = np.random.default_rng(1).multinomial(700, [0.1, 0.1, 0.8], size=20_000)
    found = np.abs(counts[:, 0] - counts[:, 1]) / np.sqrt(counts[:, 0] + counts[:, 1]) > 1.959964
    assert found.mean() == pytest.approx(0.05, abs=0.006)


@pytest.mark.parametrize("effect", [0.02, 0.05, 0.1])
@pytest.mark.parametrize("discordance", [0.1, 0.2, 0.5])
def test_as_many_cases_as_are_needed_are_just_enough(effect: float, discordance: float) -> None:
    """With the cases that an effect needs it is detectable, and with one fewer it isn't."""
    cases = cases_needed(effect, discordance)
    enough, too_few = smallest_detectable(cases, discordance), smallest_detectable(cases - 1, discordance)
    assert enough is not None
    assert enough <= effect
    assert too_few is None or too_few > effect


def test_more_discordance_hides_more() -> None:
    """The same cases show less where the variants disagree more."""
    typical, worst = smallest_detectable(150, 0.2), smallest_detectable(150, 0.5)
    assert typical is not None
    assert worst is not None
    assert 0.09 < typical < worst < 0.17


@pytest.mark.parametrize("cases", [1, 3, 20])
def test_a_handful_of_cases_shows_nothing(cases: int) -> None:
    """Where even differing on every discordant case in one direction would go unseen, there is no such effect."""
    assert smallest_detectable(cases, 0.2) is None


@pytest.mark.parametrize(("cases", "discordance", "alpha"), [(50, 0.2, 0.05), (150, 0.1, 0.05), (2_000, 0.5, 0.002)])
def test_the_exact_test_finds_what_is_detectable(cases: int, discordance: float, alpha: float) -> None:
    """McNemar's exact test of simulated pairs finds a difference of that size in 80% of trials, to 3 points."""
    effect = mcnemar_detectable(cases, discordance, alpha=alpha)
    assert effect is not None
    shares = [(discordance + effect) / 2, (discordance - effect) / 2, 1 - discordance]
    counts = np.random.default_rng(3).multinomial(cases, shares, size=4_000)
    found = np.mean([mcnemar_p(int(wins), int(losses)) < alpha for wins, losses, _ in counts])
    assert found == pytest.approx(0.8, abs=0.03)


def test_a_large_difference_brings_its_own_discordance() -> None:
    """Where nothing differed yet, a difference is detectable once as many cases must differ."""
    assert mcnemar_power(150, 0.052, 0.052) < 0.8 < mcnemar_power(150, 0.053, 0.053)
    assert mcnemar_detectable(150, 0.0) == pytest.approx(0.0525, abs=0.0005)


def test_ten_cases_after_correction_show_nothing() -> None:
    """There is no detectable difference where even ten wins of ten aren't significant."""
    assert mcnemar_detectable(10, 0.2, alpha=0.001) is None
    assert mean_detectable(0.4, 9) is None


def test_a_mean_is_found_as_often_as_it_says() -> None:
    """The t test of twenty simulated numbers finds the detectable mean in 80% of trials."""
    error = 0.1 / np.sqrt(20)
    effect = mean_detectable(error, 19)
    assert effect is not None
    values = np.random.default_rng(0).normal(effect, 0.1, (20_000, 20))
    t = values.mean(axis=1) / values.std(axis=1, ddof=1) * np.sqrt(20)
    assert np.mean(np.abs(t) > 2.093024) == pytest.approx(0.8, abs=0.01)
    assert mean_power(effect, error, 19) == pytest.approx(0.8, abs=1e-6)
