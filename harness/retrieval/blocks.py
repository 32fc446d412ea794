"""The rows that are nearest to each of many queries: all against all, exactly, one block of scores at a time.

Knows nothing of FAISS, nor of what the rows stand for.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.kernels import fast_linear

if TYPE_CHECKING:
    import torch

_QUERIES, _ROWS = 1_024, 4_096  # scores of a block: 16 MiB at most, whatever is searched
_GROUP = 32  # rows of which only the best is looked at first


def nearest_rows(
    rows: NDArray[np.float32],
    queries: NDArray[np.float32],
    k: int,
    tie: float,
    among: NDArray[np.int64] | None = None,
) -> list[NDArray[np.int64]]:
    """For each query its `k` best rows, all that score at most `tie` below the k-th, and few others, in their order.

    `rows` `(rows, dimension) float32` and `queries` `(queries, dimension) float32` are compared by inner product;
    with `among`, which isn't empty, only the rows of these numbers, in their order. There are others only where several
    of the best rows are neighbours, and where there are few rows for `k`.
    """
    import torch

    found: list[NDArray[np.int64]] = []
    with torch.inference_mode(), fast_linear():
        for start in range(0, len(queries), _QUERIES):
            part = queries[start : start + _QUERIES]
            query, place = _search(rows, among, torch.from_numpy(part), k, tie)
            counts = torch.bincount(query, minlength=len(part))
            row = place.numpy() if among is None else among[place.numpy()]
            found += np.split(row, counts.cumsum(0)[:-1].numpy())
    return found


def _search(
    rows: NDArray[np.float32], among: NDArray[np.int64] | None, queries: "torch.Tensor", k: int, tie: float
) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Pairs of query and place among the rows compared, sorted, as two tensors `(pairs,) int64`."""
    import torch

    count = len(rows) if among is None else len(among)
    k = min(k, count)
    # a block must have groups enough to know a k-th best of, or all of it would be kept
    group = _GROUP if min(count, _ROWS) >= 2 * _GROUP * k else 1
    best = torch.empty(0, len(queries))  # (k, queries): the highest maxima of groups, so the last is no more than
    floor = torch.full((len(queries),), -torch.inf)  # the k-th score; what lies below the floor can't matter
    kept = []
    for start in range(0, count, _ROWS):
        part = slice(start, start + _ROWS)
        block = torch.from_numpy(rows[part] if among is None else rows[among[part]])
        scores = torch.nn.functional.linear(block, queries)  # (rows, queries)
        size = group if len(scores) % group == 0 else 1
        groups = scores.view(-1, size, len(queries))
        maxima = groups.amax(1)
        seen = torch.cat([best, maxima])
        best = seen.topk(min(k, len(seen)), dim=0).values
        if len(best) == k:
            floor = best[-1] - tie
        place, query = (maxima >= floor).nonzero(as_tuple=True)
        inside = groups[place, :, query]
        pair, within = (inside >= floor[query, None]).nonzero(as_tuple=True)
        kept.append((query[pair], start + place[pair] * size + within, inside[pair, within]))
    query, row, score = (torch.cat(parts) for parts in zip(*kept, strict=True))
    near = score >= floor[query]
    query, row = query[near], row[near]
    order = torch.argsort(query * count + row)
    return query[order], row[order]
