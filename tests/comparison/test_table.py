import numpy as np
import pytest

from harness.comparison import ScoreRow, tabulate
from harness.errors import InputError


def test_unscored_is_not_zero(world):
    """Invariant 4: an unscored case is missing from the scored ones, and never a 0 among them."""
    table = tabulate(world.rows({"base/zero-shot": {"in_domain": [1.0, None, 1.0]}}))["in_domain", "exact_match"]
    assert table.scored("base/zero-shot").values.tolist() == [[1.0], [1.0]]
    assert table.unscored_share("base/zero-shot") == pytest.approx(1 / 3)


def test_differences_use_cases_scored_in_both(world):
    """A paired difference leaves out the cases that either variant has no score for."""
    table = tabulate(
        world.rows({"a/zero-shot": {"s": [1.0, None, 0.0, 1.0]}, "b/zero-shot": {"s": [0.0, 1.0, None, 1.0]}})
    )
    assert table["s", "exact_match"].difference("a/zero-shot", "b/zero-shot").values.tolist() == [[1.0], [0.0]]


def test_every_seed_is_a_column(world):
    """A case keeps its score of each seed, and is unscored in all of them if any seed of it is."""
    rows = world.rows({"a": {"s": [1.0, 1.0, 0.0]}}, seed=8) + world.rows({"a": {"s": [0.0, None, 0.0]}}, seed=1)
    scores = tabulate(rows)["s", "exact_match"].scores["a"]
    assert scores.seeds == (1, 8)
    assert scores.values[[0, 2]].tolist() == [[0.0, 1.0], [0.0, 0.0]]
    assert np.isnan(scores.values[1]).all()


def test_a_seed_that_is_missing_on_a_split_leaves_it_unscored(world):
    """The seeds of a variant are those of all its rows: a split that one of them did not answer has no score."""
    rows = world.rows({"a": {"s": [1.0], "t": [1.0]}}) + world.rows({"a": {"s": [1.0]}}, seed=1)
    tables = tabulate(rows)
    assert tables["s", "exact_match"].unscored_share("a") == 0
    assert tables["t", "exact_match"].unscored_share("a") == 1


def test_without_a_common_seed_nothing_is_paired(world):
    """Two variants of which each ran other seeds have no difference, not one of nothing."""
    rows = [row for seed in (0, 1) for row in world.rows({"a": {"s": [1.0]}}, seed=seed)]
    rows += [row for seed in (2, 3) for row in world.rows({"b": {"s": [0.0]}}, seed=seed)]
    [table] = tabulate(rows).values()
    assert len(table.difference("a", "b")) == 0


def test_differences_are_paired_by_seed(world):
    """Seed meets the same seed, and a variant that draws nothing at random meets every seed."""
    rows = world.rows({"base": {"s": [0.5]}, "a": {"s": [1.0]}, "b": {"s": [0.0]}})
    rows += world.rows({"a": {"s": [0.75]}, "b": {"s": [0.5]}}, seed=1) + world.rows({"b": {"s": [1.0]}}, seed=2)
    table = tabulate(rows)["s", "exact_match"]
    assert table.difference("b", "base").values.tolist() == [[-0.5, 0.0, 0.5]]
    assert table.difference("a", "b").values.tolist() == [[1.0, 0.25]]


def test_a_missing_row_is_unscored(world):
    """A case that another variant has and this one lacks is unscored for this one."""
    table = tabulate(world.rows({"a": {"s": [1.0, 1.0]}, "b": {"s": [1.0]}}))["s", "exact_match"]
    assert table.unscored_share("b") == 0.5


def test_a_case_scored_twice_is_refused(world):
    """Two rows for one thing are an error that names it."""
    row = ScoreRow(variant="a", split="s", case="c7", metric="exact_match", value=1.0)
    with pytest.raises(InputError, match=r"c7.*scored twice"):
        tabulate([row, row])
