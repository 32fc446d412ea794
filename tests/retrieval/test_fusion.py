import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.retrieval.fusion import fuse

RANKING = st.lists(st.sampled_from("abcdefgh"), unique=True)


def test_the_formula() -> None:
    """A passage scores 1 / (60 + rank) in every ranking that it is in (Cormack et al. 2009, k = 60)."""
    fused = fuse([["a", "b", "c"], ["c", "a"], []])
    assert dict(fused) == pytest.approx({"a": 1 / 61 + 1 / 62, "b": 1 / 62, "c": 1 / 63 + 1 / 61})
    assert [hit.passage for hit in fused] == ["a", "c", "b"]


def test_equal_sums_by_id() -> None:
    """Passages that two rankings put in each other's places are equal, and come in the order of their ids."""
    assert [hit.passage for hit in fuse([["b", "a", "d"], ["a", "b", "c"]])] == ["a", "b", "c", "d"]


def test_one_ranking_stays_as_it_is() -> None:
    """A single ranking is its own fusion, and none is no ranking."""
    assert [hit.passage for hit in fuse([["c", "a", "b"]])] == ["c", "a", "b"]
    assert fuse([]) == fuse([[], []]) == []


@given(st.lists(RANKING, max_size=4), st.randoms(use_true_random=False))
def test_order_of_the_rankings(rankings: list[list[str]], random: object) -> None:
    """Fusion doesn't depend on which ranking comes first, and keeps every passage once, the best score first."""
    shuffled = list(rankings)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    fused = fuse(rankings)
    assert fuse(shuffled) == fused
    assert sorted(hit.passage for hit in fused) == sorted({passage for ranking in rankings for passage in ranking})
    assert fused == sorted(fused, key=lambda hit: (-hit.score, hit.passage))
