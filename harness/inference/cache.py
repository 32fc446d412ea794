"""Keys and values of a model's layers: of the path through a tree, and of rows that are being continued.

Layers of transformers' `Cache`, which grow in place instead of being copied at every step. Imports torch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicLayer


class PathLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """Keys and values `(1, heads, nodes, width)` in the order in which nodes were run, of which some are dropped."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._room: tuple[torch.Tensor, torch.Tensor] | None = None
        self._length = 0
        self._full = False

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any) -> Any:
        """Adds those of new nodes, and returns all, as views."""
        if self._full:
            return self.keys, self.values
        begin, self._length = self._length, self._length + key_states.shape[2]
        keys, values = self._with_room(key_states, value_states)
        keys[:, :, begin : self._length] = key_states
        values[:, :, begin : self._length] = value_states
        self.keys, self.values = self._held()
        return self.keys, self.values

    @contextmanager
    def full(self) -> Iterator[None]:
        """While it is entered, nothing is added: the nodes are those that it has."""
        self._full = True
        try:
            yield
        finally:
            self._full = False

    def keep(self, unmoved: int, places: torch.Tensor) -> None:
        """Keeps the first `unmoved` nodes and, after them, those at `places`, ascending."""
        assert self._room is not None
        begin, self._length = unmoved, unmoved + len(places)
        for tensor in self._room:
            tensor[:, :, begin : self._length] = tensor.index_select(2, places.to(tensor.device))
        self.keys, self.values = self._held()

    def at(self, places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Copies of those at `places`, of any shape, each `(heads, *places, width)`."""
        keys, values = self._held()
        flat = places.view(-1).to(keys.device)
        keys, values = (
            tensor[0].index_select(1, flat).view(tensor.shape[1], *places.shape, tensor.shape[3])
            for tensor in (keys, values)
        )
        return keys, values

    def _with_room(self, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if self._room is None or self._room[0].shape[2] < self._length:
            room = [
                tensor.new_empty(1, tensor.shape[1], 2 * self._length, tensor.shape[3]) for tensor in (keys, values)
            ]
            for new, old in zip(room, self._room or (), strict=False):
                new[:, :, : old.shape[2]] = old
            self._room = (room[0], room[1])
            self.is_initialized = True
        return self._room

    def _held(self) -> tuple[torch.Tensor, torch.Tensor]:
        assert self._room is not None
        return self._room[0][:, :, : self._length], self._room[1][:, :, : self._length]


class RowsLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """Keys and values `(rows, heads, columns, width)`: `filled` columns of prompts, then one a step.

    They are given with the heads before the rows, in memory either way round, and stay so.
    """

    def __init__(self, keys: torch.Tensor, values: torch.Tensor, filled: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._keys, self._values, self._filled = keys, values, filled
        self.is_initialized = True
        self._show()

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any) -> Any:
        """Adds the next column, and returns all, as views."""
        begin, self._filled = self._filled, self._filled + key_states.shape[2]
        self._keys[:, :, begin : self._filled] = key_states.transpose(0, 1)
        self._values[:, :, begin : self._filled] = value_states.transpose(0, 1)
        self._show()
        return self.keys, self.values

    def select(self, rows: torch.Tensor) -> None:
        """Keeps `rows` alone."""
        rows = rows.to(self._keys.device)
        self._keys, self._values = _of_rows(self._keys, rows), _of_rows(self._values, rows)
        self._show()

    def _show(self) -> None:
        keys, values = self._keys[:, :, : self._filled], self._values[:, :, : self._filled]
        self.keys, self.values = keys.transpose(0, 1), values.transpose(0, 1)


def _of_rows(tensor: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Those of `rows`, on the second axis, laid out as they were."""
    if tensor.is_contiguous():
        return tensor.index_select(1, rows)
    return tensor.transpose(0, 1).index_select(0, rows).transpose(0, 1)


def path_cache() -> Cache:
    """An empty cache of PathLayers, which makes as many as the model asks for."""
    return Cache(layer_class_to_replicate=PathLayer)
