"""How much quicker the harness searches many queries at once, exactly, than FAISS's flat index does.

    python benchmarks/search.py [--quick] [--passages N] [--queries N] [--threads N]

Random unit vectors of 384 numbers, 10 hits a query. The peer is an `IndexFlatIP` over the same rows,
at its best number of queries a call. The harness also scores what it found again in double precision, orders
ties and gives ids; that is in its time. A second table shows from how many queries on its way is the quicker one, and a
third what indexes that are not exact lose on such vectors, with 100,000 of them.

FAISS, NumPy and torch bring a pool of threads each; all are set to the same number.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import faiss
import numpy as np
import torch
from measure import Summary, arguments, conclude, gemm_rate, ratio, take_turns
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from harness.retrieval import Hit, Passage, PassageIndex, Vectors, build_index, search

DIMENSION, K = 384, 10
SAMPLE = 20  # queries that are asked one by one: a thousand would take a minute
FEW = (1, 2, 4, 8, 16, 64, 200)
NOT_EXACT = 100_000


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--passages", type=int, help="how many (default: 1,000,000, or 100,000 if quick)")
    parser.add_argument("--queries", type=int, help="how many (default: 500)", default=500)
    options = parser.parse_args()
    faiss.omp_set_num_threads(options.threads)
    torch.set_num_threads(options.threads)
    with threadpool_limits(options.threads):
        compare(options.passages or (100_000 if options.quick else 1_000_000), options.queries, options.quick)


def compare(passages: int, queries: int, quick: bool) -> None:
    index = indexed(unit_rows(passages, seed=0))
    asked = unit_rows(queries, seed=1)
    flat = faiss.IndexFlatIP(DIMENSION)
    flat.add(index.vectors)
    flat.search(asked[:1], K)

    ways: dict[str, Callable[[], Any]] = {
        "FAISS, one by one": lambda: [flat.search(asked[place : place + 1], K) for place in range(SAMPLE)],
        "FAISS, all at once": lambda: flat.search(asked, K),
        "harness": lambda: search(index, asked, K),
    }
    timed = take_turns(ways, 3)
    sizes = {"FAISS, one by one": SAMPLE, "FAISS, all at once": queries, "harness": queries}
    each = {name: way.median / sizes[name] * 1e3 for name, way in timed.items()}
    print(f"{passages:,} passages of {DIMENSION} numbers, {queries} queries, {K} hits\n{'':20} {'ms a query':>10}")
    for name, milliseconds in each.items():
        print(f"{name:20} {milliseconds:10.2f}")

    scores, rows = timed["FAISS, all at once"].result
    hits = timed["harness"].result
    factor = ratio(timed["FAISS, all at once"], timed["harness"])
    factor *= min(1, each["FAISS, one by one"] / each["FAISS, all at once"])  # the peer at its best
    few_queries(index, flat, quick)
    inexact(quick)
    floor = 2 * DIMENSION * passages * queries / gemm_rate()
    conclude(
        Summary(
            benchmark="search",
            ratio=factor,
            max_abs_diff=float(np.abs(np.array([[hit.score for hit in row] for row in hits]) - scores).max()),
            identical=same_ids(hits, rows),
            unique_token_ratio=None,
            floor_share=floor / timed["harness"].median,
        )
    )


def few_queries(index: PassageIndex, flat: Any, quick: bool) -> None:
    """Prints the milliseconds of a query by the number of queries that come together."""
    print(f"\n{'queries':>7} {'FAISS':>8} {'harness':>8} {'ratio':>6} (milliseconds a query)")
    for count in FEW:
        asked = unit_rows(count, seed=count)
        timed = take_turns(
            {
                "peer": partial(flat.search, asked, K),
                "ours": partial(search, index, asked, K),
            },
            5 if quick else 3,
        )
        peer, ours = timed["peer"], timed["ours"]
        print(f"{count:7} {peer.median / count * 1e3:8.2f} {ours.median / count * 1e3:8.2f} {ratio(peer, ours):6.2f}")


def inexact(quick: bool) -> None:
    """Prints what HNSW and IVF find of the exact answer, and how long they take."""
    rows, asked = unit_rows(NOT_EXACT, seed=0), unit_rows(100, seed=1)
    truth = faiss.IndexFlatIP(DIMENSION)
    truth.add(rows)
    _, exact = truth.search(asked, K)
    hnsw = faiss.IndexHNSWFlat(DIMENSION, 32, faiss.METRIC_INNER_PRODUCT)
    lists = int(4 * NOT_EXACT**0.5)
    ivf = faiss.IndexIVFFlat(faiss.IndexFlatIP(DIMENSION), DIMENSION, lists, faiss.METRIC_INNER_PRODUCT)
    own = indexed(rows)
    print(f"\n{NOT_EXACT:,} passages, {len(asked)} queries\n{'':22} {'recall':>7} {'ms a query':>10} {'build s':>8}")
    hits, seconds = clocked(lambda: search(own, asked, K))
    found = np.array([[int(hit.passage) for hit in row] for row in hits])
    print(f"{'harness':22} {recall(found, exact):7.1%} {seconds / len(asked) * 1e3:10.2f}")
    builds: dict[str, tuple[Any, str, tuple[int, ...]]] = {"IVF": (ivf, "nprobe", (8, 64, 256))}
    if not quick:
        builds["HNSW"] = (hnsw, "efSearch", (16, 128, 1_024))
    for name, (index, setting, values) in builds.items():
        _, build = clocked(partial(trained, index, rows))
        for value in values:
            setattr(index if name == "IVF" else index.hnsw, setting, value)
            (_, found), seconds = clocked(partial(index.search, asked, K))
            label = f"{name}, {setting} {value}"
            print(f"{label:22} {recall(found, exact):7.1%} {seconds / len(asked) * 1e3:10.2f} {build:8.1f}")


def trained(index: Any, rows: Vectors) -> None:
    index.train(rows)
    index.add(rows)


def unit_rows(count: int, seed: int) -> Vectors:
    rows = np.random.default_rng(seed).standard_normal((count, DIMENSION), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def indexed(rows: Vectors) -> PassageIndex:
    """An index whose passages have their row as their id."""
    return build_index([Passage(str(row), "", "") for row in range(len(rows))], rows, "none")


def same_ids(hits: Sequence[Sequence[Hit]], rows: np.ndarray[Any, Any]) -> bool:
    return all([int(hit.passage) for hit in ours] == list(theirs) for ours, theirs in zip(hits, rows, strict=True))


def recall(found: np.ndarray[Any, Any], exact: np.ndarray[Any, Any]) -> float:
    """The share of the exact hits that were found."""
    return float(np.mean([len({*ours} & {*theirs}) / K for ours, theirs in zip(found, exact, strict=True)]))


def clocked(way: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    return way(), time.perf_counter() - began


if __name__ == "__main__":
    main()
