import random
from dataclasses import replace

import pytest

from harness.comparison import ScoreRow, primary_metrics
from harness.errors import InputError


def _scores(world):
    return {
        "base/zero-shot": {"in_domain": world.hits(5, 40), "retention": world.hits(36, 40)},
        "base/rag-3": {"in_domain": [None, *world.hits(30, 39)], "retention": world.hits(36, 40)},
    }


def test_unscored_cases_are_counted_and_left_out(world):
    """Invariant 4: a cell counts its unscored cases and averages only the others."""
    [cell] = [c for c in world.compare(world.rows(_scores(world))).cells if c.unscored]
    assert (cell.variant, cell.split, cell.n, cell.unscored) == ("base/rag-3", "in_domain", 39, 1)
    assert cell.mean == pytest.approx(30 / 39, abs=1e-6)


def test_a_cell_without_scores_has_no_figures(world):
    """Where nothing could be scored the mean is absent, not zero."""
    [cell] = world.compare(world.rows({"base/rag-3": {"in_domain": [None, None]}})).cells
    assert (cell.n, cell.unscored, cell.mean, cell.low, cell.high) == (0, 2, None, None, None)


def test_the_order_of_rows_does_not_matter(world):
    """Invariant 6: rows that arrive in another order give the same comparison, interval for interval."""
    rows = world.rows(_scores(world))
    expected = world.compare(rows)
    shuffled = random.Random(1).sample(rows, len(rows))
    same = {"variants": expected.variants, "splits": expected.splits, "costs": expected.costs}
    assert world.compare(shuffled, **same) == expected


def _seeded(world, seeds=3):
    """Rows of `seeds` trainings, each ten points better than the one before, beside a base that draws nothing."""
    rows = world.rows({"base/zero-shot": {"in_domain": world.hits(60), "paraphrase": world.hits(60)}})
    for seed in range(seeds):
        right = 60 + 10 * seed
        scores = {"in_domain": world.hits(right), "paraphrase": world.hits(right)}
        rows += world.rows({"full/zero-shot": scores, "full@0.5/zero-shot": scores}, seed=seed)
    return rows


def test_the_order_of_seeds_does_not_matter(world):
    """Rows of several seeds that arrive in another order give the same comparison, interval for interval."""
    rows = _seeded(world)
    expected = world.compare(rows)
    same = {"variants": expected.variants, "splits": expected.splits, "costs": expected.costs}
    assert world.compare(random.Random(2).sample(rows, len(rows)), **same) == expected


def test_seeds_that_disagree_make_no_winner(world):
    """Ten points tell nothing where three seeds gain none, ten and twenty, and are a win where each gains ten."""
    apart = world.compare(_seeded(world))
    agreeing = world.compare(
        [replace(row, seed=seed) for row in _seeded(world, 2) if row.seed for seed in range(3)]
        + [row for row in _seeded(world) if row.variant == "base/zero-shot"]
    )
    verdicts = [
        [pair.verdict for pair in comparison.pairs if pair.b == "base/zero-shot"] for comparison in (apart, agreeing)
    ]
    assert verdicts == [["unknown"] * 4, ["a"] * 4]


def test_points_of_one_recipe_share_their_seeds(world):
    """Where `full@0.5` answers as `full` with every seed, the difference is zero however far the seeds lie apart."""
    [pair] = [
        pair
        for pair in world.compare(_seeded(world)).pairs
        if {pair.a, pair.b} == {"full/zero-shot", "full@0.5/zero-shot"} and pair.split == "in_domain"
    ]
    assert (pair.difference, pair.verdict) == (0, "unknown")
    assert -0.03 < pair.low <= 0 <= pair.high < 0.03


def test_only_paired_metrics_are_paired(world):
    """Retrieval metrics and stale rates get cells but no pairs."""
    rows = [*world.rows(_scores(world)), *world.rows(_scores(world), "recall@3")]
    comparison = world.compare(rows)
    assert {cell.metric for cell in comparison.cells} == {"exact_match", "recall@3"}
    assert {pair.metric for pair in comparison.pairs} == {"exact_match"}


def test_accuracy_decides_where_there_is_one(world):
    """The primary metric is accuracy on splits of choices, and exact match elsewhere."""
    rows = [
        *world.rows({"base/rag-3": {"in_domain": [1.0]}}, "token_f1"),
        *world.rows({"base/rag-3": {"in_domain": [1.0]}}),
        *world.rows({"base/rag-3": {"choices": [1.0]}}, "accuracy"),
    ]
    assert primary_metrics(rows) == {"in_domain": "exact_match", "choices": "accuracy"}


def test_rows_of_another_run_are_refused(world):
    """Rows that name a variant or split that the run doesn't list are an error that names all of them."""
    rows = world.rows(_scores(world))
    listed = world.compare(rows)
    stranger = ScoreRow(variant="full/rag-3", split="moon", case="c", metric="exact_match", value=1.0)
    with pytest.raises(InputError, match=r"variant 'full/rag-3', split 'moon'"):
        world.compare([*rows, stranger], variants=listed.variants, splits=listed.splits, costs=listed.costs)
