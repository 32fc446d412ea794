"""Attention of many queries over keys that most of them share: the shared ones once, the rest in small blocks.

What all queries see is computed without a mask, in one piece; what only some see is gathered block by block; the two
softmaxes are put together by their log-sum-exp. A function for transformers' `AttentionInterface`. Imports torch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from harness.inference.partial_attention import masked, single, together, unmasked

NAME = "harness_cascade"


@dataclass(frozen=True)
class Block:
    """Which keys the queries of one chunk see beside the first `shared` ones, which all of them see.

    `places` `(blocks, keys) int64` names the keys of each block of queries, `bias` `(blocks, 1, queries, keys)` is 0
    where a query sees one and minus infinity where it doesn't. The last block is filled up with queries of no meaning.
    """

    shared: int
    places: torch.Tensor
    bias: torch.Tensor


@dataclass(frozen=True)
class Rows:
    """One query a row, each with keys of its own; before them all rows see the same.

    `keys` and `values` by layer are `(1, heads, shared, width)`, `bias` is `(rows, 1, 1, columns)`.
    """

    keys: list[torch.Tensor]
    values: list[torch.Tensor]
    bias: torch.Tensor


_plan: ContextVar[Block | Rows | None] = ContextVar("plan", default=None)


@contextmanager
def planned(plan: Block | Rows | None) -> Iterator[None]:
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
    scale = query.shape[3] ** -0.5 if scaling is None else scaling
    if isinstance(plan, Block):
        return _over_tree(query, key, value, plan, scale), None
    if isinstance(plan, Rows):
        return _over_rows(query, key, value, plan, module.layer_idx, scale), None
    return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **more)


def _over_tree(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, plan: Block, scale: float) -> torch.Tensor:
    blocks, keys = plan.places.shape
    _, heads, count, width = query.shape
    size = plan.bias.shape[2]
    filled = torch.nn.functional.pad(query, (0, 0, 0, blocks * size - count)) if blocks * size > count else query
    places = plan.places.view(-1)
    near_keys, near_values = (
        tensor[0].index_select(1, places).view(tensor.shape[1], blocks, keys, tensor.shape[3]).transpose(0, 1)
        for tensor in (key, value)
    )
    split = filled[0].reshape(heads, blocks, size, width).transpose(0, 1)
    near, near_sum = masked(split, near_keys, near_values, plan.bias, scale)
    near = near.transpose(1, 2).reshape(1, blocks * size, heads, -1)[:, :count]
    if not plan.shared:
        return near
    near_sum = near_sum.transpose(1, 2).reshape(1, blocks * size, heads)[:, :count]
    far, far_sum = unmasked(query, key[:, :, : plan.shared], value[:, :, : plan.shared], scale)
    return together((near, near_sum), (far.transpose(1, 2), far_sum.transpose(1, 2)))


def _over_rows(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, plan: Rows, layer: int, scale: float
) -> torch.Tensor:
    near = single(query, key, value, plan.bias, scale)
    shared = plan.keys[layer]
    if not shared.shape[2]:
        return near[0].transpose(1, 2)
    # the rows stand in for the queries of one sequence
    far, far_sum = unmasked(query.transpose(0, 2), shared, plan.values[layer], scale)
    return together(near, (far.transpose(0, 2), far_sum.transpose(0, 2))).transpose(1, 2)


AttentionInterface.register(NAME, attend)
