from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.inference.groups import WORTH_SHARING, Group, groups
from harness.inference.tree import common, grow

SHOTS = [[0] * 70, [0] * 64 + [1] * 6, [0] * 63 + [2] * 7, []]
PROMPTS = st.lists(
    st.tuples(st.sampled_from(SHOTS), st.lists(st.integers(0, 3), min_size=1, max_size=20)).map(
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
@given(PROMPTS, st.integers(1, 9), st.booleans(), st.integers(1, 6), st.integers(1, 300))
def test_groups_are_a_partition_within_the_limits(
    prompts: list[tuple[int, ...]], new: int, shares: bool, rows: int, columns: int
) -> None:
    """Each prompt is in one group, in the tree's order; a group over the columns is a single prompt."""
    made = grouped(prompts, new, shares=shares, rows=rows, columns=columns)
    assert [place for group in made for place in group.places] == grow(prompts, [1] * len(prompts)).order
    for group in made:
        assert group.lengths == [len(prompts[place]) for place in group.places]
        assert len(group.places) <= rows
        assert len(group.places) == 1 or len(group.places) * (group.columns + new) <= columns


@settings(deadline=None, derandomize=True)
@given(PROMPTS, st.booleans(), st.integers(1, 6))
def test_what_is_shared_is_what_all_begin_with(prompts: list[tuple[int, ...]], shares: bool, rows: int) -> None:
    """`shared` counts the tokens that all prompts of a group begin with, where they are worth it, else none."""
    for group in grouped(prompts, 1, shares=shares, rows=rows):
        first, *others = [prompts[place] for place in group.places]
        alike = min([len(first), *(common(first, other) for other in others)])
        assert group.shared == (alike if shares and alike >= WORTH_SHARING else 0)


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
    shots = [1] * WORTH_SHARING
    (group,) = grouped([[*shots, 2, 3], shots, [*shots, 4]], 1)
    assert group.places == [1, 0, 2]
    assert (group.shared, group.columns) == (WORTH_SHARING, 2)
