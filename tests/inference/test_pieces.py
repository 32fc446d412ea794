from random import Random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.inference import pieces as module
from harness.inference.pieces import Piece, pieces
from harness.inference.tree import Nodes, Tree, grow

ROWS = st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=40), min_size=1, max_size=12)
SIZES = st.tuples(st.integers(1, 5), st.integers(1, 9), st.integers(1, 6))


def seen(found: list[Piece], queries: Nodes, held: Nodes) -> NDArray[np.int64]:
    """How often each query looks at each of `held`."""
    times = np.zeros((len(queries), len(held)), np.int64)
    for piece in found:
        rows = np.arange(piece.begin, piece.end)
        keys = np.arange(len(held))[piece.keys if isinstance(piece.keys, slice) else piece.keys.numpy()]
        looks = 1 if piece.bias is None else (piece.bias.numpy() == 0)
        times[np.ix_(rows, keys)] += looks
    return times


def chunk(tree: Tree, begin: int, end: int) -> Nodes:
    """The nodes from `begin` to `end`, and before them the ancestors of the first."""
    before = np.arange(begin)
    return np.concatenate([before[tree.ends[before] > begin], np.arange(begin, end)])


@settings(deadline=None, derandomize=True, max_examples=300)
@given(ROWS, SIZES, st.randoms(use_true_random=False))
def test_each_query_looks_once_at_each_node_that_it_sees(
    rows: list[list[int]], sizes: tuple[int, int, int], random: Random
) -> None:
    """In any tree, for any chunk of it and any of the chunk's nodes; blocks, where each sees itself, come first."""
    tree = grow(rows, [1] * len(rows))
    begin = random.randrange(len(tree))
    end = random.randint(begin + 1, len(tree))
    held = chunk(tree, begin, end)
    queries = np.array(sorted(random.sample(range(begin, end), random.randint(1, end - begin))))
    with pytest.MonkeyPatch.context() as patch:
        for name, size in zip(("_BLOCK", "_RUN", "_LEAST"), sizes, strict=True):
            patch.setattr(module, name, size)
        found = pieces(tree, held, queries, torch.float32)
    assert (seen(found, queries, held) == tree.sees(queries, held)).all()
    near = [piece for piece in found if piece.bias is not None]
    assert found[: len(near)] == near
    assert all((piece.bias == 0).any(-1).all() for piece in near if piece.bias is not None)
    assert [place for piece in near for place in range(piece.begin, piece.end)] == list(range(len(queries)))


def test_what_many_see_whole_is_one_piece() -> None:
    """A passage that two questions of 100 tokens share is looked at by both at once, though it lies in their chunk."""
    draw = Random(0)
    passage, *questions = ([draw.randrange(9) for _ in range(length)] for length in (128, 100, 100))
    tree = grow([[*passage, place, *question] for place, question in enumerate(questions)], [1, 1])
    everything = np.arange(len(tree))
    whole = [piece for piece in pieces(tree, everything, everything, torch.float32) if piece.bias is None]
    assert [(piece.begin, piece.end, piece.keys) for piece in whole] == [(128, len(tree), slice(0, 128))]
