"""Attention of many queries over keys that most of them share: the shared ones once, the rest in small blocks.

What many queries see whole is computed in one piece, without a mask, and what is left in small blocks; the softmaxes
over the pieces are put together by their log-sum-exp. A function for transformers' `AttentionInterface`. Imports torch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from harness.inference.partial_attention import join, masked, unmasked
from harness.inference.pieces import Piece
from harness.inference.rows_attention import Rows

NAME = "harness_cascade"


class KeysOnly:
    """Nothing is attended to: `attend` raises KeysKept, at which the layer's keys and values are in the cache."""


class KeysKept(Exception):  # noqa: N818 - no error: what was asked for is done
    """The layer isn't computed beyond its keys and values."""


Plan = list[Piece] | Rows | KeysOnly | None

_plan: ContextVar[Plan] = ContextVar("plan", default=None)


@contextmanager
def planned(plan: Plan) -> Iterator[None]:
    """While it is entered, `attend` computes by this plan."""
    token = _plan.set(plan)
    try:
        yield
    finally:
        _plan.reset(token)


@contextmanager
def cascade(model: Any) -> Iterator[None]:
    """While it is entered, the layers of a transformers model attend by `attend`."""
    own = model.config._attn_implementation
    model.set_attn_implementation(NAME)
    try:
        yield
    finally:
        model.set_attn_implementation(own)


def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **more: Any,
) -> tuple[torch.Tensor, None]:
    """Attention by the present plan, `(batch, queries, heads, width)`; by the mask where there is none.

    `query` is `(batch, heads, queries, width)`; `key` and `value` may have fewer heads, each for a group of queries'.
    """
    plan = _plan.get()
    if isinstance(plan, KeysOnly):
        raise KeysKept
    scale = query.shape[3] ** -0.5 if scaling is None else scaling
    if isinstance(plan, list):
        return _over_tree(query, key, value, plan, scale), None
    if isinstance(plan, Rows):
        return plan.attend(query, key, value, scale), None
    return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **more)


def _over_tree(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, plan: list[Piece], scale: float
) -> torch.Tensor:
    _, heads, count, _ = query.shape
    result = query.new_empty(1, count, heads, value.shape[3])
    sums = query.new_empty(1, count, heads, dtype=torch.float32)
    for piece in plan:
        here = slice(piece.begin, piece.end)
        keys, values = (_at(piece.keys, tensor) for tensor in (key, value))
        if piece.bias is not None:
            near, near_sum = masked(query[:, :, here], keys, values, piece.bias, scale)
            result[:, here], sums[:, here] = near.transpose(1, 2), near_sum.transpose(1, 2)
        else:
            part, part_sum = unmasked(query[:, :, here], keys, values, scale)
            join(result[:, here], sums[:, here], part.transpose(1, 2), part_sum.transpose(1, 2))
    return result


def _at(keys: slice | torch.Tensor, tensor: torch.Tensor) -> torch.Tensor:
    return tensor[:, :, keys] if isinstance(keys, slice) else tensor.index_select(2, keys)


AttentionInterface.register(NAME, attend)
