import pytest

from harness.comparison.findings.between import changes


def run(world, right, of=100, seed=0):
    return world.rows({"full/zero-shot": {"in_domain": world.hits(right, of)}}, seed=seed)


def test_a_run_against_itself_has_not_changed(world):
    """The same answers give a change of exactly zero, which is not significant."""
    (found,) = changes(run(world, 60), run(world, 60)).values()
    assert found.value == 0
    assert found.low <= 0 <= found.high
    assert not found.better
    assert not found.worse


def test_the_change_is_the_second_minus_the_first_with_its_interval(world):
    """From 40 to 60 right of 100 is +20 points, significantly."""
    (found,) = changes(run(world, 40), run(world, 60)).values()
    assert found.value == pytest.approx(0.2)
    assert 0.1 < found.low < found.value < found.high < 0.3
    assert found.better


def test_other_cases_are_not_paired(world):
    """Where one run has a case more, or where only one has the variant, nothing is claimed."""
    assert changes(run(world, 40), run(world, 40, of=101)) == {}
    other = world.rows({"lora/zero-shot": {"in_domain": world.hits(40)}})
    assert changes(run(world, 40), other) == {}


def test_seeds_are_paired_where_they_can_be(world):
    """Several seeds meet the same seeds of the other run; without a common one there is no pair."""
    first = [row for seed in (0, 1, 2) for row in run(world, 40, seed=seed)]
    second = [row for seed in (1, 2, 3) for row in run(world, 60, seed=seed)]
    (found,) = changes(first, second).values()
    assert found.value == pytest.approx(0.2)
    strangers = [row for seed in (3, 4, 5) for row in run(world, 60, seed=seed)]
    assert changes(first, strangers) == {}
