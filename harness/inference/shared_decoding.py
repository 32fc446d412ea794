"""Greedy answers to many prompts: what they begin with alike is computed once, and read once for all while they go on.

Imports torch.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from transformers.cache_utils import Cache

from harness.inference.attention import planned
from harness.inference.cache import RowsLayer
from harness.inference.causal_lm import FULL, SLIDING, CausalLM, refuse_nan
from harness.inference.endings import Endings
from harness.inference.groups import Group, groups
from harness.inference.outputs import Written
from harness.inference.room import Found, Room
from harness.inference.rows_attention import Held, Rows
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
        room.uses(
            chunk=min(room.chunk, len(tree)),
            tokens=1 if len(group.places) == 1 else group.tokens(limit),
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
    """The prompts of one group with the keys and values that they go on from, copied, so that the walk may forget them.

    Of one group at a time: of what all its prompts share, and of `Group.tokens` more, which `groups` keeps to a limit.
    Beside it, while a layer attends, twice the scores of each row with as many tokens as the longest prompt.
    """

    def __init__(self, lm: CausalLM, tree: Tree, walk: Walk, group: Group, limit: int, *, cascade: bool) -> None:
        """The walk goes on to the group's last prompt; nothing else may walk it until the group is done."""
        self.rows = len(group.places)
        self._lm, self._tree, self._walk, self._group, self._limit = lm, tree, walk, group, limit
        self._cascade = cascade
        self._positions = torch.tensor(group.lengths, device=lm.device)  # of the next token
        self._own = torch.tensor(group.own, device=lm.device)
        self._filled = group.columns
        self._held: list[Held] = []
        self._cache: Any = None

    def first(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Computes the prompts and gives the greatest logit after each, `(rows,)`, and its token, `(rows,) int64`."""
        group, likeliest, done = self._group, [], 0
        room: list[tuple[torch.Tensor, torch.Tensor]] = []
        for leaves, logits in self._walk.run(int(group.leaves[-1]) + 1, group.leaves):
            if not len(leaves):
                continue
            likeliest.append(_likeliest(logits))
            paths = [np.flatnonzero(path) for path in self._tree.sees(leaves, self._walk.held)]
            self._hold(paths, done)
            places, layers = self._places(paths, done), self._walk.cache.layers
            room = room or [(self._room(layer.keys), self._room(layer.values)) for layer in layers]
            for layer, pair in zip(layers, room, strict=True):
                for own, taken in zip(pair, layer.at(places), strict=True):
                    own[:, done : done + len(leaves), : group.columns] = taken
            done += len(leaves)
        self._cache = Cache(layers=[RowsLayer(keys, values, group.columns) for keys, values in room])
        self._hide()
        greatest, tokens = (torch.cat(parts) for parts in zip(*likeliest, strict=True))
        return greatest, tokens

    def next(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Adds `tokens`, `(rows,) int64`, to the rows, and gives what `first` does for the tokens after them."""
        self._filled += 1
        plan = None
        if self._cascade:
            plan = Rows(self._held, self._bias[..., : self._filled], self._cache.layers)
        masks = dict.fromkeys(self._lm.kinds, UNUSED) if plan else self._sees()
        keep = torch.zeros(1, dtype=torch.int64, device=self._lm.device)
        with planned(plan):
            logits = self._lm.on_tree(tokens[:, None], self._positions[:, None], masks, keep, self._cache)[:, 0]
        self._positions = self._positions + 1
        return _likeliest(logits)

    def select(self, rows: list[int]) -> None:
        """Goes on with `rows` alone, ascending."""
        index = torch.tensor(rows, device=self._lm.device)
        self._own, self._positions = self._own[index], self._positions[index]
        for layer in self._cache.layers:
            layer.select(index)
        self._held = [left for held in self._held if (left := held.within(rows))]
        self._hide()

    def _room(self, source: torch.Tensor) -> torch.Tensor:
        _, heads, _, width = source.shape
        columns, dtype = self._group.columns + self._limit, self._type(source)
        if self._cascade:
            return source.new_empty(heads, self.rows, columns, width, dtype=dtype)
        # models' own attention may expect the rows to come first in memory
        return source.new_empty(self.rows, heads, columns, width, dtype=dtype).transpose(0, 1)

    def _type(self, source: torch.Tensor) -> torch.dtype:
        """In what the rows attend: what we compute ourselves isn't rounded to 16 bits."""
        return torch.promote_types(source.dtype, torch.float32) if self._cascade else source.dtype

    def _hold(self, paths: list[Nodes], done: int) -> None:
        """Takes the segments whose first row is among those after `done`, with these `paths` through the cache."""
        for segment in self._group.segments:
            if done <= segment.first < done + len(paths):
                places = torch.from_numpy(paths[segment.first - done][segment.begin : segment.end])
                pairs = [layer.at(places) for layer in self._walk.cache.layers]
                keys = [keys.to(self._type(keys)).transpose(1, 2).contiguous() for keys, _ in pairs]
                values = [values.to(self._type(values)) for _, values in pairs]
                self._held.append(Held(segment, keys, values))

    def _places(self, paths: list[Nodes], done: int) -> torch.Tensor:
        """Where in the walk's cache the own tokens of the rows after `done` are, `(rows, columns) int64`.

        They end together; what is before them is any place, and is never seen.
        """
        places = np.zeros((len(paths), self._group.columns), np.int64)
        for row, (path, own) in enumerate(zip(paths, self._group.own[done:], strict=False)):
            if own:
                places[row, -own:] = path[-own:]
        return torch.from_numpy(places)

    def _hide(self) -> None:
        """Makes anew which columns no row sees, `(rows, 1, columns)`: those before its own tokens."""
        columns = torch.arange(self._group.columns + self._limit, device=self._lm.device)
        hidden = columns < self._group.columns - self._own[:, None]
        bias = torch.zeros(hidden.shape, dtype=self._cache.layers[0].keys.dtype, device=self._lm.device)
        self._bias = bias.masked_fill_(hidden, -torch.inf)[:, None]

    def _sees(self) -> dict[str, torch.Tensor]:
        """Which of the filled columns each row sees, by kind of layer, `(rows, 1, 1, filled) bool`."""
        columns = torch.arange(self._filled, device=self._lm.device)
        place = columns - self._group.columns + self._own[:, None]  # a column's position, as there are no segments
        own = place >= 0
        near = self._positions[:, None] - place < (self._lm.window or self._filled + 1)
        masks = {FULL: own, SLIDING: own & near}
        return {kind: masks[kind][:, None, None] for kind in self._lm.kinds}


def _likeliest(logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    greatest, tokens = logits.max(-1)
    refuse_nan(greatest)  # nan is greater than any number
    return greatest, tokens
