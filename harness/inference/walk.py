"""Runs a tree of prefixes through a model in its flat order, chunk by chunk, without any padding.

Keys and values are kept only of what later nodes will see: after each chunk, of the ancestors of the next node. Memory
so depends on the chunk and on the depth of the tree. Imports torch.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from harness.inference.attention import Block, planned
from harness.inference.cache import path_cache
from harness.inference.causal_lm import FULL, SLIDING, CausalLM
from harness.inference.groups import WORTH_SHARING
from harness.inference.room import Room
from harness.inference.tree import Nodes, Tree

_QUERIES = 64  # a block of queries with keys of its own; less masking against more blocks
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
        plan = block(tree, self.held, begin, end, self._lm.type) if self._cascade else None
        masks = dict.fromkeys(self._lm.kinds, UNUSED) if plan else self._masks(begin, end)
        with planned(plan):
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


def block(tree: Tree, held: Nodes, begin: int, end: int, dtype: torch.dtype) -> Block:
    """How the nodes from `begin` to `end` of `tree`, the last of `held`, attend to `held`.

    A node sees nothing but its ancestors, and in depth-first order these are among the ancestors of the first node of
    its block, or in the block itself: so each block of queries gathers these.
    """
    before = len(held) - (end - begin)
    shared = int(np.searchsorted(-tree.ends[held[:before]], -end, side="right"))  # whose subtree holds all the chunk
    if shared < WORTH_SHARING:
        shared = 0
    starts = range(begin, end, _QUERIES)
    seen = [_places(tree, held, shared, start, min(start + _QUERIES, end), begin, before) for start in starts]
    widest = max(len(places) for places in seen)
    places = np.zeros((len(seen), widest), np.int64)
    bias = np.zeros((len(seen), 1, _QUERIES, widest), np.float32)
    for row, (start, keys) in enumerate(zip(starts, seen, strict=True)):
        stop = min(start + _QUERIES, end)
        places[row, : len(keys)] = keys
        bias[row, 0, :, len(keys) :] = -np.inf
        bias[row, 0, : stop - start, : len(keys)][~tree.sees(np.arange(start, stop), held[keys])] = -np.inf
    return Block(shared, torch.from_numpy(places), torch.from_numpy(bias).to(dtype))


def _places(tree: Tree, held: Nodes, shared: int, start: int, stop: int, begin: int, before: int) -> Nodes:
    """Where in `held`, after the `shared` ones, the nodes are that some node from `start` to `stop` sees."""
    first = before + start - begin
    ancestors = shared + np.flatnonzero(tree.ends[held[shared:first]] > start)
    return np.concatenate([ancestors, np.arange(first, first + stop - start)])
