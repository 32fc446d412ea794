"""Runs a tree of prefixes through a model in its flat order, chunk by chunk, without any padding.

Keys and values are kept only of what later nodes will see: after each chunk, of the ancestors of the next node. Memory
so depends on the chunk and on the depth of the tree. Imports torch.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch

from harness.inference.attention import planned
from harness.inference.cache import path_cache
from harness.inference.causal_lm import FULL, SLIDING, CausalLM
from harness.inference.pieces import pieces
from harness.inference.room import Room
from harness.inference.tree import Nodes, Tree

UNUSED = torch.ones(1, 1, 1, 1, dtype=torch.bool)  # a mask for attention that goes by a plan


class Walk:
    """A walk through `tree`, from its first node to its last; at once as many nodes, and logits, as `room` has."""

    def __init__(self, lm: CausalLM, tree: Tree, *, cascade: bool, room: Room) -> None:
        """With `cascade` the model attends by `harness.inference.attention`."""
        self.cache: Any = path_cache()
        self.held: Nodes = np.zeros(0, np.int64)  # the nodes whose keys and values are in the cache
        self._lm, self._tree = lm, tree
        self._cascade = cascade and not lm.forgets(int(tree.positions.max(initial=0)) + 1)
        self._room = room
        self._next = 0

    def run(self, stop: int, wanted: Nodes) -> Iterator[tuple[Nodes, torch.Tensor]]:
        """Runs all nodes up to `stop`; gives those of `wanted` (ascending) chunk by chunk, with their logits.

        Logits are `(wanted, vocab)` in the model's number format; a chunk without any wanted node gives none of them.
        While it pauses, the cache holds the keys and values of `held`: the chunk's nodes and their ancestors.
        """
        while self._next < stop:
            self._forget()
            begin = self._next
            end = min(begin + self._room.chunk, stop)
            first = np.searchsorted(wanted, begin)
            here = wanted[first : np.searchsorted(wanted, end)]
            if len(here) > self._room.logits:
                here = here[: self._room.logits]
                end = int(here[-1]) + 1
            logits = self._chunk(begin, end, here)
            self._next = end
            yield here, logits

    def _forget(self) -> None:
        """Drops the keys and values that no later node sees."""
        places = np.flatnonzero(self._tree.ends[self.held] > self._next)
        if len(places) == len(self.held):
            return
        moved = np.flatnonzero(places != np.arange(len(places)))
        unmoved = int(moved[0]) if len(moved) else len(places)
        index = torch.from_numpy(places[unmoved:]).to(self._lm.device)
        for layer in self.cache.layers:
            layer.keep(unmoved, index)
        self.held = self.held[places]

    def _chunk(self, begin: int, end: int, wanted: Nodes) -> torch.Tensor:
        tree, device = self._tree, self._lm.device
        self.held = np.concatenate([self.held, np.arange(begin, end)])
        with ExitStack() as stack:
            if self._cascade:
                queries = np.arange(begin, end)
                masks = dict.fromkeys(self._lm.kinds, UNUSED)
                stack.enter_context(planned(pieces(tree, self.held, queries, self._lm.type)))
                fewer = wanted if len(wanted) else queries[:1]
                if len(fewer) < len(queries):
                    plan = pieces(tree, self.held, fewer, self._lm.type)
                    stack.enter_context(self._lm.last_layer.only(torch.from_numpy(fewer - begin), plan, self.cache))
            else:
                masks = self._masks(begin, end)
            logits = self._lm.on_tree(
                torch.from_numpy(tree.tokens[None, begin:end]).to(device),
                torch.from_numpy(tree.positions[None, begin:end]).to(device),
                masks,
                torch.from_numpy(wanted - begin).to(device),
                self.cache,
            )
        return logits[0]

    def _masks(self, begin: int, end: int) -> dict[str, torch.Tensor]:
        """What the nodes from `begin` to `end` see of `held`, by kind of layer."""
        tree, queries = self._tree, np.arange(begin, end)
        sees = tree.sees(queries, self.held)
        near = tree.positions[queries][:, None] - tree.positions[self.held][None, :] < (
            self._lm.window or len(tree) + 1
        )
        by_kind = {FULL: sees, SLIDING: sees & near}
        return {kind: torch.from_numpy(by_kind[kind])[None, None].to(self._lm.device) for kind in self._lm.kinds}
