"""Which prompts are continued together: neighbours in the tree, so that most of what they see is the same.

Knows nothing of models.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from harness.inference.tree import Nodes, Tree, common

_PRODUCT = 256  # tokens that rows read with their own in the time that one product more takes at the least


class Segment(NamedTuple):
    """Tokens at the positions from `begin` to `end` that are the same in the rows from `first` to `stop` of a group.

    It may have one row only, if that has many more tokens than others.
    """

    begin: int
    end: int
    first: int
    stop: int


@dataclass(frozen=True)
class Group:
    """Prompts by their `places`, in the order of the tree, where their last nodes are the `leaves` (ascending).

    Each begins with the `segments` that hold its row, one after the other, and goes on with tokens of its `own`, as
    many as are said. A segment stands before those that continue it.
    """

    places: list[int]
    leaves: Nodes
    lengths: list[int]
    segments: list[Segment]
    own: list[int]

    @property
    def columns(self) -> int:
        """Tokens after the segments, in the row with the most."""
        return max(self.own)

    def tokens(self, new: int) -> int:
        """How many are kept with `new` ones written in each row: beside what all share, each segment once."""
        apart = sum(one.end - one.begin for one in self.segments if one.stop - one.first < len(self.places))
        return apart + len(self.places) * (self.columns + new)


def groups(
    tree: Tree, prompts: Sequence[Sequence[int]], new: int, *, shares: bool, rows: int, columns: int
) -> Iterator[Group]:
    """All prompts (distinct, those of `tree`), in its order, at most `rows` together.

    Beside what all of them share, at most `columns` tokens are kept, `new` ones of each among them, unless one alone
    has more. Without `shares` there are no segments: all tokens are each prompt's own.
    """
    order, begin = tree.order, 0
    alike = [common(prompts[one], prompts[other]) for one, other in pairwise(order)]
    while begin < len(order):
        group = _group(tree, prompts, order[begin : begin + 1], [], shares=shares)
        for stop in range(begin + 2, min(begin + rows, len(order)) + 1):
            members, between = order[begin:stop], alike[begin : stop - 1]
            distinct = sum(len(prompts[place]) for place in members) - sum(between) - min(between)
            if distinct + len(members) * new > columns:
                break
            larger = _group(tree, prompts, members, between, shares=shares)
            if larger.tokens(new) <= columns:  # as it may be again when more prompts share what only one had
                group = larger
        yield group
        begin += len(group.places)


def _group(
    tree: Tree, prompts: Sequence[Sequence[int]], members: list[int], alike: list[int], *, shares: bool
) -> Group:
    """Of `members`, each of which begins with as many tokens of the next one as `alike` says."""
    lengths = [len(prompts[place]) for place in members]
    own, segments = list(lengths), list[Segment]()
    if shares:
        for segment in _segments(alike, 0, len(members), 0):  # those nearer to the end come later
            here = slice(segment.first, segment.stop)
            own[here] = [length - segment.end for length in lengths[here]]
            segments.append(segment)
        columns = _columns(own)
        for row, tokens in enumerate(own):
            if tokens > columns:
                segments.append(Segment(lengths[row] - tokens, lengths[row] - columns, row, row + 1))
                own[row] = columns
    return Group(members, np.array([tree.sequences[place][-1] for place in members]), lengths, segments, own)


def _segments(alike: list[int], first: int, stop: int, begin: int) -> Iterator[Segment]:
    """Those of the rows from `first` to `stop`, more than one, after the first `begin` tokens, which they share."""
    if stop - first < 2:
        return
    end = min(alike[first : stop - 1])
    if (end - begin) * (stop - first - 1) >= _PRODUCT:  # tokens that are read, and held, no more
        yield Segment(begin, end, first, stop)
        begin = end
    cuts = [row + 1 for row in range(first, stop - 1) if alike[row] == end]
    for left, right in zip([first, *cuts], [*cuts, stop], strict=True):
        yield from _segments(alike, left, right, begin)


def _columns(own: list[int]) -> int:
    """To how many tokens of their `own` all rows are filled up, if what some have beyond is apart: the cheapest."""

    def cost(columns: int) -> int:
        return len(own) * columns + sum(tokens - columns + _PRODUCT for tokens in own if tokens > columns)

    return min(sorted(set(own), reverse=True), key=cost)
