"""Which keys the queries of one chunk look at, piece by piece: together, every query and each node that it sees, once.

In depth-first order all queries below a run of nodes without a branch stand together, so a run that many queries see
whole is one piece for all of them, without a mask. What is left lies near: blocks of queries look at it, each with a
mask. Knows nothing of models. Imports torch.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from harness.inference.tree import Nodes, Tree

_BLOCK = 64  # queries with a mask of their own: less masking against more blocks
_RUN = 128  # nodes of one chunk after which a run is cut, so that its own later queries see the first part whole
_LEAST = 64  # keys, and queries, of a piece without a mask; fewer aren't worth putting two results together


@dataclass(frozen=True)
class Piece:
    """The queries from `begin` to `end`, and the keys they look at: a slice of all or `(keys,) int64`, their places.

    `bias` `(queries, keys)` is 0 where a query sees a key and minus infinity where it doesn't; None if it sees all.
    """

    begin: int
    end: int
    keys: slice | torch.Tensor
    bias: torch.Tensor | None


def pieces(tree: Tree, held: Nodes, queries: Nodes, dtype: torch.dtype) -> list[Piece]:
    """How `queries` attend to `held`: first blocks with masks, then pieces without.

    Each query is in one block, and sees itself there. Both arguments are ascending nodes of `tree`; there are queries,
    and `held` has all their ancestors and themselves.
    """
    whole = list(_whole(tree, held, queries))
    near = []
    for begin in range(0, len(queries), _BLOCK):
        end = min(begin + _BLOCK, len(queries))
        sees = tree.sees(queries[begin:end], held)
        for piece in whole:
            if piece.begin <= begin < piece.end:
                sees[:, piece.keys] = False
        near.append(_near(begin, end, sees, dtype))
    return near + whole


def _whole(tree: Tree, held: Nodes, queries: Nodes) -> Iterator[Piece]:
    """The runs of keys that many queries see whole; these queries begin where a block does, and lie side by side."""
    held = held[: np.searchsorted(held, queries[-1], side="right")]
    ends = np.searchsorted(queries, tree.ends[held])  # of the queries below each node
    new = np.searchsorted(held, queries[0])
    cut = np.diff(ends, prepend=-1) != 0
    cut[new::_RUN] = True
    starts = np.flatnonzero(cut)
    for start, stop in zip(starts, [*starts[1:], len(held)], strict=True):
        below = int(np.searchsorted(queries, held[stop - 1], side="right"))  # so that each query is near itself
        begin = -(-below // _BLOCK) * _BLOCK
        end = int(ends[start])
        if stop - start >= _LEAST and end - begin >= _LEAST:
            yield Piece(begin, end, slice(int(start), int(stop)), None)


def _near(begin: int, end: int, sees: NDArray[np.bool_], dtype: torch.dtype) -> Piece:
    places = np.flatnonzero(sees.any(0))
    first, stop = int(places[0]), int(places[-1]) + 1
    keys = slice(first, stop) if stop - first == len(places) else torch.from_numpy(places)
    bias = np.where(sees[:, places], np.float32(0), np.float32(-np.inf))
    return Piece(begin, end, keys, torch.from_numpy(bias).to(dtype))
