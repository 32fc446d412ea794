from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.inference.groups import Group, Segment, groups
from harness.inference.tree import common, grow

STEMS = [[], [0] * 300, [0] * 299 + [1] * 6, [0] * 70, [0] * 64 + [1] * 6, [0] * 64 + [1] * 300, [2] * 300]
PROMPTS = st.lists(
    st.tuples(st.sampled_from(STEMS), st.lists(st.integers(0, 3), min_size=1, max_size=20)).map(
        lambda parts: (*parts[0], *parts[1])
    ),
    unique=True,
    min_size=1,
    max_size=20,
)


def grouped(
    prompts: Sequence[Sequence[int]], new: int, *, shares: bool = True, rows: int = 99, columns: int = 9999
) -> list[Group]:
    tree = grow(prompts, [1] * len(prompts))
    return list(groups(tree, prompts, new, shares=shares, rows=rows, columns=columns))


@settings(deadline=None, derandomize=True)
@given(PROMPTS, st.integers(1, 9), st.booleans(), st.integers(1, 6), st.integers(1, 1500))
def test_groups_are_a_partition_within_the_limits(
    prompts: list[tuple[int, ...]], new: int, shares: bool, rows: int, columns: int
) -> None:
    """Each prompt is in one group, in the tree's order; a group over the columns is a single prompt."""
    made = grouped(prompts, new, shares=shares, rows=rows, columns=columns)
    assert [place for group in made for place in group.places] == grow(prompts, [1] * len(prompts)).order
    for group in made:
        assert group.lengths == [len(prompts[place]) for place in group.places]
        assert len(group.places) <= rows
        held = sum(end - begin for begin, end, first, stop in group.segments if stop - first < len(group.places))
        assert group.tokens(new) == held + len(group.places) * (max(group.own) + new)
        assert len(group.places) == 1 or group.tokens(new) <= columns


@settings(deadline=None, derandomize=True)
@given(PROMPTS, st.booleans(), st.integers(1, 20), st.integers(300, 9999))
def test_each_prompt_is_its_segments_and_its_own(
    prompts: list[tuple[int, ...]], shares: bool, rows: int, columns: int
) -> None:
    """The segments that hold a row stand one after the other, are the same in all their rows, and leave its own."""
    for group in grouped(prompts, 1, shares=shares, rows=rows, columns=columns):
        asked = [prompts[place] for place in group.places]
        reached = [0] * len(asked)
        for begin, end, first, stop in group.segments:
            assert 0 <= first < stop <= len(asked)
            assert reached[first:stop] == [begin] * (stop - first)
            assert len({prompt[:end] for prompt in asked[first:stop]}) == 1
            reached[first:stop] = [end] * (stop - first)
        assert [len(prompt) - end for prompt, end in zip(asked, reached, strict=True)] == group.own
        assert shares or not group.segments


@settings(deadline=None, derandomize=True)
@given(PROMPTS)
def test_what_many_share_is_in_segments(prompts: list[tuple[int, ...]]) -> None:
    """Two prompts that begin with 300 tokens alike have at least a segment in common."""
    for group in grouped(prompts, 1):
        for row, (one, other) in enumerate(zip(group.places, group.places[1:], strict=False)):
            if common(prompts[one], prompts[other]) >= 300:
                assert any(first <= row and row + 1 < stop for _, _, first, stop in group.segments)


@settings(deadline=None, derandomize=True)
@given(PROMPTS)
def test_leaves_are_the_last_nodes_of_the_prompts(prompts: list[tuple[int, ...]]) -> None:
    """The leaves spell the prompts and ascend through all groups, so that one walk passes them in turn."""
    tree = grow(prompts, [1] * len(prompts))
    made = list(groups(tree, prompts, 1, shares=True, rows=3, columns=9999))
    leaves = [int(leaf) for group in made for leaf in group.leaves]
    assert leaves == sorted(set(leaves))
    for group in made:
        for place, leaf in zip(group.places, group.leaves, strict=True):
            assert tree.positions[leaf] == len(prompts[place]) - 1
            assert tree.tokens[leaf] == prompts[place][-1]


def test_a_prompt_may_be_what_others_share() -> None:
    """A prompt that others begin with has no tokens of its own."""
    shots = [1] * 300
    (group,) = grouped([[*shots, 2, 3], shots, [*shots, 4]], 1)
    assert group.places == [1, 0, 2]
    assert (group.segments, group.own, group.columns) == ([Segment(0, 300, 0, 3)], [0, 2, 1], 2)


def test_segments_have_as_many_levels_as_the_tree() -> None:
    """What all begin with, what those of one passage share, and what the questions of one kind share."""
    shots, passages, kinds = [1] * 300, [[2] * 310, [3] * 320], [[4] * 330, [5] * 340]
    prompts = [[*shots, *passage, *kind, last] for passage in passages for kind in kinds for last in (7, 8)]
    (group,) = grouped(prompts, 1)
    assert group.segments == [
        Segment(0, 300, 0, 8),
        Segment(300, 610, 0, 4),
        Segment(610, 940, 0, 2),
        Segment(610, 950, 2, 4),
        Segment(300, 620, 4, 8),
        Segment(620, 950, 4, 6),
        Segment(620, 960, 6, 8),
    ]
    assert group.own == [1] * 8
    assert group.tokens(1) == 310 + 330 + 340 + 320 + 330 + 340 + 8 * 2


def test_what_is_too_short_for_a_product_is_kept_with_what_follows() -> None:
    """A few tokens that two rows share are part of the segments after them, and of the own tokens of other rows."""
    few = [1] * 9
    (group,) = grouped([[*few, 2, *[3] * 300, 4], [*few, 2, *[3] * 300, 5], [*few, 6], [7]], 1)
    assert group.segments == [Segment(0, 310, 0, 2)]
    assert group.own == [1, 1, 10, 1]


def test_one_long_prompt_does_not_fill_up_all_others() -> None:
    """What a row has beyond the others is a segment of its own; where all are as long, none is."""
    short = [[1, place] for place in range(20)]
    (group,) = grouped([*short, [2] * 500], 1)
    assert group.segments == [Segment(0, 498, 20, 21)]
    assert (group.columns, group.tokens(1)) == (2, 498 + 21 * 3)
    (group,) = grouped([[place] * 300 for place in range(5)], 1)
    assert (group.segments, group.columns) == ([], 300)


def test_a_group_ends_where_it_holds_most() -> None:
    """A prompt that has a passage by itself, until the next one shares it, doesn't end a group."""
    prompts = [[passage] * 400 + [question] for passage in range(1, 6) for question in range(9)]
    (group,) = grouped(prompts, 1, columns=5 * 400 + 45 * 2)
    assert group.columns == 1


@pytest.mark.parametrize("rows", [1, 2])
def test_one_prompt_may_have_more_than_the_limit(rows: int) -> None:
    """It is alone then."""
    made: list[Any] = grouped([[1] * 50, [2] * 50], 1, rows=rows, columns=10)
    assert [group.places for group in made] == [[0], [1]]
