import numpy as np
import pytest

from harness.comparison.power import cases_needed, smallest_detectable


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
