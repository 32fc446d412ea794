"""The rates of the gate by simulation, as benchmarks/gate_rates.py measures them for docs/ci.md."""

import importlib.util
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "gate_rates.py"
WORLDS = 500
MOST = binom.ppf(0.999, WORLDS, 0.05) / WORLDS  # a rate of 5% is measured to be above that once in 1,000 times

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rates():
    """The benchmark as a module."""
    spec = importlib.util.spec_from_file_location("gate_rates", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


KINDS = (
    *("right/wrong, 2% change", "right/wrong, 10% change", "right/wrong, 30% change", "scores 0 to 1"),
    *("documents of 1 to 10 cases", "3 seeds, training ±2 points"),
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("cases", "margin"), [(50, 0.1), (150, 0.05), (900, 0.03)])
def test_one_check_is_wrong_at_most_as_often_as_it_says(rates, kind, cases, margin):
    """A drop of exactly the margin passes at most 5% of the time, and nothing is called a fall at most 5%."""
    random = np.random.default_rng(1)
    fallen = [rates.KINDS[kind](random, cases, margin) for _ in range(WORLDS)]
    same = [rates.KINDS[kind](random, cases, 0.0) for _ in range(WORLDS)]
    assert np.mean([one.p_above < 0.05 for one in rates.asked(fallen, margin)]) <= MOST
    assert np.mean([one.p_below < 0.05 for one in rates.asked(same, margin)]) <= MOST


def test_a_drop_that_tolerances_miss_never_passes(rates):
    """Five points of 1,300 cases, which a tolerance of 8 points notices about once in a hundred times, fail."""
    random = np.random.default_rng(1)
    parts = [rates.Sample.of(rates.changes(random, (1300,), 0.2, 0.05)) for _ in range(WORLDS)]
    found = list(rates.asked(parts, 0.03))
    assert np.mean([one.value < -0.08 for one in found]) < 0.02
    assert np.mean([one.p_below < 0.05 for one in found]) > 0.97
    assert np.mean([one.p_above < 0.05 for one in found]) < 0.005


def test_the_default_gate_raises_no_more_false_alarms_with_many_checks(rates):
    """Of 84 checks of which none is of anything, one fails in at most 5% of the runs; identical answers always pass."""
    random = np.random.default_rng(1)
    noisy = Counter(rates.outcome(rates.world(random, 0.1, 0.0, 0, 150)) for _ in range(60))
    assert noisy["fail"] <= binom.ppf(0.999, 60, 0.05)
    assert rates.outcome(rates.world(random, 0.0, 0.0, 0, 150)) == "pass"


def test_the_default_gate_lets_no_variant_lose_its_margin(rates):
    """One variant of twelve that lost three points everywhere passes in at most 5% of the runs."""
    random = np.random.default_rng(1)
    outcomes = Counter(rates.outcome(rates.world(random, 0.05, 0.03, 6, 150)) for _ in range(60))
    assert outcomes["pass"] <= binom.ppf(0.999, 60, 0.05)
