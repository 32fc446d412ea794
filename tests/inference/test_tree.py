from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.inference.tree import Tree, common, grow

SEQUENCES = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=12), min_size=1, max_size=12)


def whole(sequences: list[list[int]]) -> Tree:
    """The tree of `sequences`, which names all nodes of each."""
    return grow(sequences, [len(sequence) for sequence in sequences])


@settings(deadline=None, derandomize=True)
@given(SEQUENCES)
def test_each_distinct_prefix_is_one_node(sequences: list[list[int]]) -> None:
    """There are as many nodes as distinct prefixes, and the nodes of a sequence spell it at positions 0, 1, 2, …"""
    tree = whole(sequences)
    assert len(tree) == len({tuple(s[:end]) for s in sequences for end in range(1, len(s) + 1)})
    for sequence, nodes in zip(sequences, tree.sequences, strict=True):
        assert tree.tokens[nodes].tolist() == sequence
        assert tree.positions[nodes].tolist() == list(range(len(sequence)))


@settings(deadline=None, derandomize=True)
@given(SEQUENCES)
def test_a_node_sees_its_prefix_and_nothing_else(sequences: list[list[int]]) -> None:
    """`sees` is the relation of being a prefix, for all pairs of nodes, and for any choice of them."""
    tree = whole(sequences)
    spelt: list[tuple[int, ...]] = [()] * len(tree)
    for sequence, nodes in zip(sequences, tree.sequences, strict=True):
        for end, node in enumerate(nodes.tolist(), start=1):
            spelt[node] = tuple(sequence[:end])
    naive = np.array([[one[: len(other)] == other for other in spelt] for one in spelt])
    everything = np.arange(len(tree))
    assert (tree.sees(everything, everything) == naive).all()
    assert (tree.sees(everything[::2], everything[1::3]) == naive[::2, 1::3]).all()


@settings(deadline=None, derandomize=True)
@given(SEQUENCES)
def test_nodes_stand_in_depth_first_order(sequences: list[list[int]]) -> None:
    """A node comes after the one above it, whose subtree ends no earlier; `order` goes by the sequences' last nodes."""
    tree = whole(sequences)
    for nodes in tree.sequences:
        assert (np.diff(nodes) > 0).all()
        assert (np.diff(tree.ends[nodes]) <= 0).all()
        assert (tree.ends[nodes] > nodes[-1]).all()
    lasts = [int(tree.sequences[place][-1]) for place in tree.order]
    assert lasts == sorted(lasts)
    assert sorted(tree.order) == list(range(len(sequences)))


@settings(deadline=None, derandomize=True)
@given(SEQUENCES, st.randoms(use_true_random=False))
def test_the_order_of_sequences_changes_no_node(sequences: list[list[int]], random: Random) -> None:
    """The same sequences in another order make the same tree."""
    shuffled = sequences.copy()
    random.shuffle(shuffled)
    one, other = whole(sequences), whole(shuffled)
    for name in ("tokens", "positions", "ends"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist()


def test_only_the_last_nodes_are_named() -> None:
    """Each sequence names as many of its last nodes as it was asked to, equal ones and one within another alike."""
    tree = grow([[7, 8, 9], [7, 8], [7, 8, 9], [5]], [2, 1, 3, 0])
    assert tree.tokens.tolist() == [5, 7, 8, 9]
    assert tree.ends.tolist() == [1, 4, 4, 4]
    assert [nodes.tolist() for nodes in tree.sequences] == [[2, 3], [2], [1, 2, 3], []]
    assert tree.order == [3, 1, 0, 2]


def test_no_sequences_make_an_empty_tree() -> None:
    """A tree of nothing has no nodes."""
    tree = grow([], [])
    assert len(tree) == len(tree.ends) == 0
    assert (tree.sequences, tree.order) == ([], [])


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [([1, 2, 3], [1, 2, 4], 2), ([1, 2], [1, 2, 3], 2), ([1], [2], 0), ([], [1], 0), ([3, 3], [3, 3], 2)],
)
def test_common_counts_what_two_begin_with_alike(one: list[int], other: list[int], alike: int) -> None:
    """Up to the first difference, or to the end of the shorter."""
    assert common(one, other) == common(other, one) == alike
