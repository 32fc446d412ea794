"""The tree of all prefixes of many token sequences, laid out flat, so that each distinct prefix is computed once.

Nodes stand in depth-first order, each with its token, its position in its sequence and the end of its subtree, so that
one comparison tells what a node sees: j is i or one of its ancestors exactly if j <= i < end[j]. Knows nothing of
models.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Nodes = NDArray[np.int64]


@dataclass(frozen=True)
class Tree:
    """`tokens`, `positions` and `ends` are `(nodes,) int64`; `sequences[k]` holds the last nodes of the k-th sequence.

    `order` lists the sequences by where they come in the tree.
    """

    tokens: Nodes
    positions: Nodes
    ends: Nodes
    sequences: list[Nodes]
    order: list[int]

    def __len__(self) -> int:
        return len(self.tokens)

    def sees(self, queries: Nodes, keys: Nodes) -> NDArray[np.bool_]:
        """Which of `keys` are ancestors of each of `queries`, or the node itself: `(queries, keys) bool`."""
        return (keys[None, :] <= queries[:, None]) & (queries[:, None] < self.ends[keys][None, :])


def grow(sequences: Sequence[Sequence[int]], last: Sequence[int]) -> Tree:
    """The tree of `sequences`, none of them empty; `last[k]` is how many of its last nodes each shall name."""
    order = sorted(range(len(sequences)), key=lambda place: list(sequences[place]))
    longest = max((len(sequence) for sequence in sequences), default=0)
    path = np.zeros(longest, np.int64)  # the node at each depth, above and at the newest leaf
    ends = np.zeros(sum(len(sequence) for sequence in sequences), np.int64)
    tokens, positions = [], []
    named: list[Nodes] = [path[:0]] * len(sequences)
    before, size = path[:0], 0
    for place in order:
        sequence = np.asarray(sequences[place], np.int64)
        shared = common(before, sequence)
        ends[path[shared : len(before)]] = size
        new = len(sequence) - shared
        path[shared : len(sequence)] = np.arange(size, size + new)
        tokens.append(sequence[shared:])
        positions.append(np.arange(shared, len(sequence)))
        named[place] = path[len(sequence) - last[place] : len(sequence)].copy()
        before, size = sequence, size + new
    ends[path[: len(before)]] = size
    empty = path[:0]
    return Tree(np.concatenate([empty, *tokens]), np.concatenate([empty, *positions]), ends[:size], named, order)


def common(one: Sequence[int] | Nodes, other: Sequence[int] | Nodes) -> int:
    """How many tokens the two begin with alike."""
    least = min(len(one), len(other))
    differ = np.flatnonzero(np.asarray(one[:least]) != np.asarray(other[:least]))
    return int(differ[0]) if len(differ) else least
