"""What docs/statistics.md promises, by simulation as benchmarks/simulation.py does it, with room for its own luck."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "simulation.py"
SETS = 1_000

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def simulation():
    """The benchmark as a module."""
    spec = importlib.util.spec_from_file_location("simulation", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def least(rate, sets=SETS):
    """A true `rate` is measured to be below that once in 1,000 times."""
    return binom.ppf(0.001, sets, rate) / sets


def most(rate, sets=SETS):
    """A true `rate` is measured to be above that once in 1,000 times."""
    return binom.ppf(0.999, sets, rate) / sets


@pytest.mark.parametrize("kind", ["right/wrong", "graded"])
@pytest.mark.parametrize("group", [1, "mixed", 10])
@pytest.mark.parametrize("cases", [150, 500, 2_000])
@pytest.mark.parametrize("correlation", [0, 0.5, 0.9])
def test_intervals_of_differences_hold_the_truth(simulation, kind, group, cases, correlation):
    """95% intervals hold the truth in 94% to 96% of simulated data sets."""
    setting = simulation.Setting(cases, group, kind, correlation)
    found = simulation.covered(setting, SETS, ["harness"])["harness"]
    assert least(0.94) <= found <= most(0.96)


@pytest.mark.parametrize("kind", ["right/wrong", "graded"])
@pytest.mark.parametrize("group", [1, "mixed", 10])
def test_few_cases_are_no_reason_for_narrow_intervals(simulation, kind, group):
    """With fifty cases, in groups or not, the intervals hold the truth as often or more often."""
    for correlation in (0, 0.5, 0.9):
        setting = simulation.Setting(50, group, kind, correlation)
        assert simulation.covered(setting, SETS, ["harness"])["harness"] >= least(0.94)


@pytest.mark.parametrize("kind", ["right/wrong", "graded"])
@pytest.mark.parametrize("group", [1, "mixed"])
def test_intervals_of_means_hold_the_truth(simulation, kind, group):
    """So do those of a single mean."""
    for cases in (150, 500):
        setting = simulation.Setting(cases, group, kind, 0)
        found = simulation.covered(setting, SETS, ["harness"], of="mean")["harness"]
        assert least(0.94) <= found <= most(0.96)


@pytest.mark.parametrize("kind", ["right/wrong", "graded"])
@pytest.mark.parametrize("group", [1, 10])
@pytest.mark.parametrize("variants", [2, 6])
def test_equal_variants_are_seldom_called_different(simulation, kind, group, variants):
    """In at most 5% of comparisons of equal variants is any of them called different, after correction."""
    assert simulation.false_alarms(100, group, kind, 0.5, variants, 300) <= most(0.05, 300)


@pytest.mark.parametrize("kind", ["right/wrong", "graded"])
@pytest.mark.parametrize("group", [1, 10])
def test_what_differs_by_the_margin_is_seldom_called_a_tie(simulation, kind, group):
    """In at most 5% of data sets are two variants that differ by just the margin called equal."""
    for cases in (150, 500):
        assert simulation.false_ties(cases, group, kind, 0.5, SETS) <= most(0.055)


@pytest.mark.parametrize("cases", [50, 150, 500, 2_000])
@pytest.mark.parametrize("discordance", [0.1, 0.2, 0.5])
@pytest.mark.parametrize("family", [1, 20])
def test_right_wrong_differences_are_found_as_often_as_told(simulation, cases, discordance, family):
    """A difference of the size that is called detectable is found in 80% of data sets, to 3 points."""
    effect = simulation.mcnemar_detectable(cases, discordance, alpha=0.05 / family)
    found = simulation.found_right_wrong(cases, max(effect, discordance), effect, 0.05 / family, 8_000)
    assert found == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("kind", ["right/wrong", "graded"])
@pytest.mark.parametrize(("group", "cases"), [(3, 150), (10, 500)])
def test_differences_in_groups_are_found_as_often_as_told(simulation, kind, group, cases):
    """So is one of cases in groups, by the permutation test."""
    _, found = simulation.found_by_groups(simulation.Setting(cases, group, kind, 0.5, (0.7, 0.7)), 0.05, 2_000)
    assert least(0.77, 2_000) <= found <= most(0.83, 2_000)


def test_cases_of_shared_documents_over_splits_hold_the_truth(simulation):
    """The mean over three splits that ask about the same forty documents holds the truth; alone it would not."""
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 3)
    together, apart = [], []
    for _ in range(SETS):
        of_document = random.normal(0, 0.2, 40)
        splits = [np.clip(of_document[groups] + random.normal(0, 0.1, 120), -1, 1) for _ in range(3)]
        together.append([simulation.Sample.of(values, groups) for values in splits])
        apart.append([simulation.Sample.of(values, groups + 40 * place) for place, values in enumerate(splits)])
    held = [
        np.mean([one.low <= 0 <= one.high for one in simulation.differences(quantities, resamples=2_000)])
        for quantities in (together, apart)
    ]
    assert least(0.94) <= held[0] <= most(0.96)
    assert held[1] < 0.85
