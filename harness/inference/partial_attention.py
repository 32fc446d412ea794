"""Attention over a part of the keys, with the log-sum-exp of its scores, so that parts can be put together exactly.

By torch's flash kernel for the CPU; or, where linear layers have a quicker kernel than its, by matrix products. Shapes:
`query` is `(batch, heads, queries, width)`, `key` and `value` may have fewer heads, each for a group of the queries'.
A part is `(batch, heads, queries, width)` and its log-sum-exp `(batch, heads, queries)`. Imports torch.
"""

import math

import torch

from harness.kernels import linear_kernel

Part = tuple[torch.Tensor, torch.Tensor]

_PIECE = 1 << 17  # scores at once: 512 KiB of float32, half of a usual second cache
_WORTH_PRODUCTS = 1 << 15  # scores of one head; with fewer the flash kernel is quicker
_LOG2_E = math.log2(math.e)  # powers of 2 take a third of the time of powers of e


def masked(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, bias: torch.Tensor, scale: float) -> Part:
    """Attention with a `bias` `(queries, keys)` to the scores: minus infinity where a query doesn't see a key."""
    return _flash(query, key, value, bias[None, None], scale)


def unmasked(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float) -> Part:
    """Attention of one sequence, in which every query sees every key."""
    _, heads, queries, width = query.shape
    sharing = heads // key.shape[1]
    if not _by_products(key) or sharing * queries * key.shape[2] < _WORTH_PRODUCTS:
        return _flash(query, key, value, None, scale)
    groups = (query * (scale * _LOG2_E)).reshape(key.shape[1], -1, width)
    result, sums = query.new_empty(*groups.shape[:2], value.shape[3]), query.new_empty(groups.shape[:2])
    size = max(1, _PIECE // key.shape[2])
    for head, rows in enumerate(groups):
        for begin in range(0, len(rows), size):
            piece = slice(begin, begin + size)
            weights = torch.nn.functional.linear(rows[piece], key[0, head])
            top = weights.amax(-1, keepdim=True)
            total = weights.sub_(top).exp2_().sum(-1, keepdim=True)
            torch.div(torch.nn.functional.linear(weights, value[0, head].t()), total, out=result[head, piece])
            sums[head, piece] = total.log2_().add_(top)[:, 0]
    return result.view(1, heads, queries, -1), sums.div_(_LOG2_E).view(1, heads, queries)


def join(result: torch.Tensor, sums: torch.Tensor, part: torch.Tensor, part_sums: torch.Tensor) -> None:
    """Takes `part`, attention to more keys, into `result`, and the log-sum-exp of its scores into `sums`."""
    share = torch.sigmoid(part_sums - sums)[..., None].to(result.dtype)
    result.lerp_(part, share)
    torch.logaddexp(sums, part_sums, out=sums)


def _by_products(key: torch.Tensor) -> bool:
    return key.dtype == torch.float32 and linear_kernel() == "onednn"


def _flash(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, bias: torch.Tensor | None, scale: float
) -> Part:
    result: Part = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query, key, value, 0.0, False, attn_mask=bias, scale=scale
    )
    return result
