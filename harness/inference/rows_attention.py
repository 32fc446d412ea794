"""Attention of rows that are being continued, one query each: what rows share is read once for all of them.

All scores of a row stand side by side, so that one softmax makes shares of them. What rows share is a product of its
own, in which they stand in for the queries of one sequence. Imports torch.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from harness.inference.cache import RowsLayer
from harness.inference.groups import Segment


@dataclass(frozen=True)
class Held:
    """A segment, by layer: `keys` `(heads, width, tokens)`, for products, and `values` `(heads, tokens, width)`."""

    segment: Segment
    keys: list[torch.Tensor]
    values: list[torch.Tensor]

    def within(self, rows: list[int]) -> "Held | None":
        """The same where only `rows`, ascending, are left; None if none of its own are."""
        begin, end, first, stop = self.segment
        first, stop = bisect_left(rows, first), bisect_left(rows, stop)
        return replace(self, segment=Segment(begin, end, first, stop)) if first < stop else None


class Rows:
    """What rows see at one step: the segments that hold them, and keys of their own."""

    def __init__(self, held: Sequence[Held], bias: torch.Tensor, layers: Sequence[RowsLayer]) -> None:
        """`bias` `(rows, 1, columns)` is 0 where a row sees a column of its own and minus infinity where it doesn't.

        `layers` are those of the cache that has the rows' own keys and values.
        """
        self._held, self._bias, self._layers = held, bias, layers
        self._begin = max((one.segment.end for one in held), default=0)  # of the columns of rows' own
        self._rooms: dict[tuple[int, ...], _Room] = {}

    def attend(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float) -> torch.Tensor:
        """Attention of `query` `(rows, heads, 1, width)`, as `(rows, 1, heads, width)`.

        `key` and `value`, of the rows' own, are what a layer of the cache gave, `(rows, heads, columns, width)`, and
        may have fewer heads, each for a group of the query's. Raises RuntimeError where they are something else, since
        those of the segments would have to be so too.
        """
        layer = next((at for at, one in enumerate(self._layers) if one.keys is key and one.values is value), None)
        if layer is None:
            raise RuntimeError("the model attends to other keys and values than it keeps")
        rows, heads, _, width = query.shape
        shape = (key.shape[1], rows, heads // key.shape[1], width, value.shape[3])
        room = self._rooms.get(shape)
        if room is None:
            room = self._rooms[shape] = self._room(shape, key)
        torch.mul(query.view(rows, shape[0], shape[2], width).transpose(0, 1), scale, out=room.query)
        keys, values = key.transpose(0, 1).flatten(0, 1), value.transpose(0, 1).flatten(0, 1)
        own = torch.bmm(keys, room.query.view(len(keys), -1, width).transpose(1, 2))  # quicker than the other way round
        torch.add(own.view(*shape[:2], -1, shape[2]).transpose(2, 3), self._bias, out=room.own_scores)
        for one, piece in zip(self._held, room.pieces, strict=True):
            piece.scores.copy_(torch.bmm(piece.query, one.keys[layer]))  # quicker than `out=`
        torch.softmax(room.scores, -1, out=room.shares)
        torch.bmm(room.own_shares, values, out=room.result.view(len(values), shape[2], -1))
        for one, piece in zip(self._held, room.pieces, strict=True):
            piece.result.add_(torch.bmm(piece.shares, one.values[layer]))
        own_result = room.result.transpose(0, 1).clone(memory_format=torch.contiguous_format)  # the room is used again
        return own_result.view(rows, 1, heads, -1).to(query.dtype)

    def _room(self, shape: tuple[int, ...], like: torch.Tensor) -> "_Room":
        heads, rows, group, width, value_width = shape
        scores = like.new_full((heads, rows, group, self._begin + self._bias.shape[2]), -torch.inf)
        shares = torch.empty_like(scores)
        query, result = (like.new_empty(heads, rows, group, size) for size in (width, value_width))
        pieces = []
        for one in self._held:
            begin, end, first, stop = one.segment
            part = [tensor[:, first:stop].flatten(1, 2) for tensor in (query, scores, shares, result)]
            pieces.append(_Piece(part[0], part[1][:, :, begin:end], part[2][:, :, begin:end], part[3]))
        own = [tensor[..., self._begin :] for tensor in (scores, shares)]
        return _Room(query, scores, shares, result, own[0], own[1].flatten(0, 1), pieces)


@dataclass(frozen=True)
class _Piece:
    """Views of a room, `(heads, queries, ...)`: the part that a segment's rows and tokens have in it."""

    query: torch.Tensor
    scores: torch.Tensor
    shares: torch.Tensor
    result: torch.Tensor


@dataclass(frozen=True)
class _Room:
    """What all layers compute in, one after the other, each `(heads, rows, queries of a head, ...)`.

    Scores are minus infinity for ever where a row has no segment, so that its share there is nothing.
    """

    query: torch.Tensor
    scores: torch.Tensor
    shares: torch.Tensor
    result: torch.Tensor
    own_scores: torch.Tensor
    own_shares: torch.Tensor
    pieces: list[_Piece]
