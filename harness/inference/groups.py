"""Which prompts are continued together: neighbours in the tree, so that most of what they see is the same.

Knows nothing of models.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from harness.inference.tree import Nodes, Tree, common

WORTH_SHARING = 64  # tokens; fewer are gathered, and kept, with each row's own


@dataclass(frozen=True)
class Group:
    """Prompts by their `places`, in the order of the tree, where their last nodes are the `leaves` (ascending).

    The first `shared` tokens are the same in all; each has at most `columns` tokens of its own after them.
    """

    places: list[int]
    leaves: Nodes
    lengths: list[int]
    shared: int

    @property
    def columns(self) -> int:
        """Tokens after the shared ones, in the longest prompt."""
        return max(self.lengths) - self.shared


def groups(
    tree: Tree, prompts: Sequence[Sequence[int]], new: int, *, shares: bool, rows: int, columns: int
) -> Iterator[Group]:
    """All prompts (distinct, those of `tree`), in its order, at most `rows` together.

    Together they have at most `columns` tokens of their own, `new` ones each among them, unless one alone has more.
    Without `shares` all tokens are each prompt's own.
    """
    members: list[int] = []
    shared = longest = 0
    for place in tree.order:
        length = len(prompts[place])
        if members:
            together = common(prompts[members[-1]], prompts[place])
            both = min(shared, together) if shares else 0
            own = max(longest, length) - _worth(both) + new
            if len(members) < rows and (len(members) + 1) * own <= columns:
                members.append(place)
                shared, longest = both, max(longest, length)
                continue
            yield _group(tree, prompts, members, shared)
        members, shared, longest = [place], length if shares else 0, length
    if members:
        yield _group(tree, prompts, members, shared)


def _group(tree: Tree, prompts: Sequence[Sequence[int]], members: list[int], shared: int) -> Group:
    leaves = np.array([tree.sequences[place][-1] for place in members])
    return Group(members, leaves, [len(prompts[place]) for place in members], _worth(shared))


def _worth(shared: int) -> int:
    return shared if shared >= WORTH_SHARING else 0
