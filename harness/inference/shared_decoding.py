"""Greedy answers to many prompts: what they begin with alike is computed once, and read once for all while they go on.

Imports torch.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from transformers.cache_utils import Cache

from harness.inference.attention import Rows, planned
from harness.inference.cache import RowsLayer
from harness.inference.causal_lm import FULL, SLIDING, CausalLM, refuse_nan
from harness.inference.endings import Endings
from harness.inference.groups import Group, groups
from harness.inference.outputs import Written
from harness.inference.room import Found, Room
from harness.inference.tree import Nodes, Tree, grow
from harness.inference.walk import UNUSED, Walk

_ALIVE = 0.75  # of the rows; with fewer, those that are finished are thrown out


def continuations(
    lm: CausalLM,
    prompts: Sequence[Sequence[int]],
    limit: int,
    endings: Endings,
    *,
    cascade: bool,
    room: Room,
    through: Callable[[Sequence[int]], None] = lambda prompts: None,
) -> list[Written]:
    """What greedy decoding adds to each prompt, at most `limit`, the end token included.

    As many prompts are continued together as `room` has rows, and tokens of their own; `through` is told the places of
    prompts that are answered. Equal prompts are answered once. Raises InputError where logits are no numbers, or where
    memory doesn't suffice for the smallest piece.
    """
    answer = partial(_answer, lm, limit=limit, endings=endings, cascade=cascade, room=room)
    return room.all(prompts, answer, through, lm.device)


def _answer(
    lm: CausalLM, prompts: Sequence[Sequence[int]], *, limit: int, endings: Endings, cascade: bool, room: Room
) -> Found[Written]:
    """What is written after each prompt, group by group."""
    places: dict[tuple[int, ...], list[int]] = {}
    for place, prompt in enumerate(prompts):
        places.setdefault(tuple(prompt), []).append(place)
    distinct = list(places)
    tree = grow(distinct, [1] * len(distinct))
    cascade = cascade and not lm.forgets(max(map(len, distinct)) + limit)
    walk = Walk(lm, tree, cascade=cascade, room=room)
    for group in groups(tree, distinct, limit, shares=cascade, rows=room.rows, columns=room.tokens):
        alone, own = len(group.places) == 1, len(group.places) * (group.columns + limit)
        room.uses(
            chunk=min(room.chunk, len(tree)),
            tokens=1 if alone else own,
            logits=min(room.logits, room.chunk, len(group.places)),
        )
        written = _continue(Continued(lm, tree, walk, group, limit, cascade=cascade), limit, endings)
        asked = [places[distinct[place]] for place in group.places]
        each = [answer for equal, answer in zip(asked, written, strict=True) for _ in equal]
        yield [place for equal in asked for place in equal], each


def _continue(continued: "Continued", limit: int, endings: Endings) -> list[Written]:
    """What is written after each prompt of a group."""
    written = [Written() for _ in range(continued.rows)]
    going_on = set(range(continued.rows))  # by their place in the group
    alive = list(range(continued.rows))  # the same, of those that are still computed
    logits, tokens = continued.first()
    for step in range(limit):
        for place, logit, token in zip(alive, logits.tolist(), tokens.tolist(), strict=True):
            if place in going_on:
                written[place].add(token, logit)
                if endings.ended(written[place].ids):
                    going_on.remove(place)
        if not going_on or step + 1 == limit:
            break
        if len(going_on) <= _ALIVE * len(alive):
            kept = [row for row, place in enumerate(alive) if place in going_on]
            continued.select(kept)
            alive, tokens = [alive[row] for row in kept], tokens[kept]
        logits, tokens = continued.next(tokens)
    return written


class Continued:
    """The prompts of one group with the keys and values that they go on from."""

    def __init__(self, lm: CausalLM, tree: Tree, walk: Walk, group: Group, limit: int, *, cascade: bool) -> None:
        """The walk goes on to the group's last prompt; nothing else may walk it until the group is done."""
        self.rows = len(group.places)
        self._lm, self._tree, self._walk, self._group, self._limit = lm, tree, walk, group, limit
        self._cascade = cascade
        lengths = torch.tensor(group.lengths, device=lm.device)
        self._own = lengths - group.shared  # of the prompts' tokens, those that aren't shared
        self._positions = lengths  # of the next token
        self._filled = group.columns
        self._cache: Any = None

    def first(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Computes the prompts and gives the greatest logit after each, `(rows,)`, and its token, `(rows,) int64`."""
        group, likeliest, done = self._group, [], 0
        room: list[tuple[torch.Tensor, torch.Tensor]] = []
        for leaves, logits in self._walk.run(int(group.leaves[-1]) + 1, group.leaves):
            if not len(leaves):
                continue
            refuse_nan(logits)
            likeliest.append(logits.max(-1))
            places, layers = self._places(leaves), self._walk.cache.layers
            room = room or [(self._room(layer.keys), self._room(layer.values)) for layer in layers]
            for layer, pair in zip(layers, room, strict=True):
                for own, taken in zip(pair, layer.rows(places), strict=True):
                    own[done : done + len(leaves), :, : group.columns] = taken
            done += len(leaves)
        self._cache = Cache(layers=[RowsLayer(keys, values, group.columns) for keys, values in room])
        shared = [layer.first(group.shared) for layer in self._walk.cache.layers]
        self._shared = ([keys for keys, _ in shared], [values for _, values in shared])
        greatest, tokens = (torch.cat(parts) for parts in zip(*likeliest, strict=True))
        return greatest, tokens

    def next(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Adds `tokens`, `(rows,) int64`, to the rows, and gives what `first` does for the tokens after them."""
        self._filled += 1
        sees = self._sees()
        plan, masks = None, {kind: sees[kind] for kind in self._lm.kinds}
        if self._cascade:
            bias = torch.zeros(sees[FULL].shape, dtype=self._lm.type, device=self._lm.device)
            plan = Rows(*self._shared, bias.masked_fill_(~sees[FULL], -torch.inf))
            masks = dict.fromkeys(self._lm.kinds, UNUSED)
        keep = torch.zeros(1, dtype=torch.int64, device=self._lm.device)
        with planned(plan):
            logits = self._lm.on_tree(tokens[:, None], self._positions[:, None], masks, keep, self._cache)[:, 0]
        refuse_nan(logits)
        self._positions = self._positions + 1
        greatest, following = logits.max(-1)
        return greatest, following

    def select(self, rows: list[int]) -> None:
        """Goes on with `rows` alone."""
        index = torch.tensor(rows, device=self._lm.device)
        self._own, self._positions = self._own[index], self._positions[index]
        for layer in self._cache.layers:
            layer.select(index)

    def _room(self, source: torch.Tensor) -> torch.Tensor:
        return source.new_empty(self.rows, source.shape[1], self._group.columns + self._limit, source.shape[3])

    def _places(self, leaves: Nodes) -> torch.Tensor:
        """Where in the walk's cache the own tokens of the prompts that end in `leaves` are, `(leaves, columns) int64`.

        They end together; what is before them is any place, and is never seen.
        """
        places = np.zeros((len(leaves), self._group.columns), np.int64)
        for row, path in enumerate(self._tree.sees(leaves, self._walk.held)):
            own = np.flatnonzero(path)[self._group.shared :]
            if len(own):
                places[row, -len(own) :] = own
        return torch.from_numpy(places).to(self._lm.device)

    def _sees(self) -> dict[str, torch.Tensor]:
        """Which of the filled columns each row sees, by kind of layer, `(rows, 1, 1, filled) bool`."""
        columns = torch.arange(self._filled, device=self._lm.device)
        place = columns - self._group.columns + self._own[:, None]  # a column's place among its row's own tokens
        own = place >= 0
        near = self._positions[:, None] - (place + self._group.shared) < (self._lm.window or self._filled + 1)
        return {kind: mask[:, None, None] for kind, mask in {FULL: own, SLIDING: own & near}.items()}
