import pytest

from harness.comparison import BreakEven
from harness.comparison.verdict.break_even import cheaper_between
from harness.comparison.verdict.decide import redecide
from harness.comparison.verdict.prices import Running


@pytest.mark.parametrize(
    ("tuned", "retrieving", "expected"),
    [
        ((1, 100), (3, 20), (40, None)),  # 2 saved a query, 80 more an update: even at 40 queries an update
        ((1, 20), (3, 100), (0, None)),  # cheaper both ways
        ((1, 20), (3, 20), (0, None)),
        ((3, 100), (1, 20), (None, None)),  # dearer both ways
        ((3, 20), (1, 100), (0, 40)),  # cheaper where updates are many and queries few
        ((1, 20), (1, 100), (0, None)),
        ((1, 100), (1, 20), (None, None)),
        ((1, 20), (1, 20), (None, None)),  # no cheaper, since it costs the same
    ],
)
def test_where_one_is_cheaper(tuned, retrieving, expected) -> None:
    """By hand: extra cost of an update divided by what a query saves, with an end where queries cost more."""
    one, other = (Running(query, update, "USD") for query, update in (tuned, retrieving))
    assert cheaper_between(one, other) == expected


def test_on_the_line_both_cost_the_same() -> None:
    """A month on the line costs the same with either, and a query more makes the tuned one cheaper."""
    tuned, retrieving = Running(0.001, 12.0, "USD"), Running(0.007, 0.8, "USD")
    start, _ = cheaper_between(tuned, retrieving)
    assert start is not None
    assert tuned.month(3 * start, 3) == pytest.approx(retrieving.month(3 * start, 3))
    assert tuned.month(3 * start + 1, 3) < retrieving.month(3 * start + 1, 3)


def _found(world, scores, **costs) -> list[BreakEven]:
    rows = world.rows(scores)
    changed = [world.cost(name).model_copy(update=costs.get(name.partition("/")[0], {})) for name in scores]
    return redecide(world.compare(rows, costs=changed), rows, {}).break_even


def test_the_best_of_either_kind_are_held_against_each_other(world) -> None:
    """The best retrieving variant of the base and the best fine-tuned one without passages, not one that does both."""
    scores = {
        "base/zero-shot": {"in_domain": world.hits(10)},
        "base/rag-1": {"in_domain": world.hits(40)},
        "base/rag-3": {"in_domain": world.hits(60)},
        "lora/zero-shot": {"in_domain": world.hits(50)},
        "full/zero-shot": {"in_domain": world.hits(45)},
        "full/rag-3": {"in_domain": world.hits(90)},
    }
    [found] = _found(world, scores)
    assert (found.retrieving, found.tuned) == ("base/rag-3", "lora/zero-shot")


def test_the_figures_of_a_break_even(world) -> None:
    """10 ms against 2 ms a query, 4 s against 20 s an update without the tuning: even at 2,000 queries an update."""
    scores = {"base/rag-3": {"in_domain": world.hits(90)}, "full/zero-shot": {"in_domain": world.hits(30)}}
    [found] = _found(
        world,
        scores,
        base={"seconds_per_query": 0.01, "build_seconds": 4.0, "index_seconds": 4.0},
        full={"seconds_per_query": 0.002, "build_seconds": 120.0, "train_seconds": 20.0, "tune_seconds": 100.0},
    )
    assert (found.unit, found.tuned_update, found.retrieving_update) == ("seconds", 20, 4)
    assert (found.queries_from, found.queries_to, found.updates_per_query) == (2000, None, 0.0005)


@pytest.mark.parametrize(
    ("right", "of", "equal", "better"), [(400, 500, True, ""), (100, 500, False, "base/rag-3"), (39, 50, False, "")]
)
def test_equal_quality_must_be_shown(world, right, of, equal, better) -> None:
    """Cost may decide where the two tie; not where one is better, and not where it can't be told."""
    scores = {
        "base/rag-3": {"in_domain": world.hits(of * 4 // 5, of)},
        "full/zero-shot": {"in_domain": world.hits(right, of)},
    }
    [found] = _found(world, scores)
    assert (found.equal_quality, found.better) == (equal, better)
    assert found.difference is not None
    assert found.difference.low <= found.difference.value <= found.difference.high


def test_who_was_chosen_by_the_scores_must_be_better_by_more(world) -> None:
    """What shows that one of two variants is better doesn't where it is the best of six of its kind."""
    scores = {"base/rag-3": {"in_domain": world.hits(80)}, "full/zero-shot": {"in_domain": world.hits(74)}}
    others = {f"base/rag-{passages}": {"in_domain": world.hits(10)} for passages in (1, 2, 4, 5, 6)}
    assert [_found(world, shown)[0].better for shown in (scores, scores | others)] == ["base/rag-3", ""]


def test_without_either_kind_there_is_nothing_to_break_even(world) -> None:
    """A run without retrieval, or without fine-tuning, has no such record."""
    assert _found(world, {"base/rag-3": {"in_domain": world.hits(5)}, "full/rag-3": {"in_domain": world.hits(5)}}) == []
    assert _found(world, {"base/few-shot-4": {"in_domain": [1.0]}, "full/zero-shot": {"in_domain": [1.0]}}) == []
