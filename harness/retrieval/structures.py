"""FAISS structures that find near rows without looking at all: described, trained, saved, mapped into memory.

Knows nothing of passages. What a structure finds are candidates: whoever asks scores them by the rows themselves.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError
from harness.retrieval.embedder import Vectors

FLAT = "Flat"
AUTO = "auto"
_FLAT_ROWS = 1_000_000  # up to here looking at all rows is sooner done than building anything (docs/log.md)
_GRAPH = "HNSW32"
_GRAPH_EFFORT = 128  # finds 99% of the ten nearest passages of real text, and the lists 96% (docs/log.md)
_LISTS_SHARE = 8  # one list in so many is looked into
_POINTS = 39  # for each centroid, FAISS's own recommendation
_TOGETHER = 16  # queries; FAISS sums in another order for 20 or more, and would find others where lists tie
_THOUSANDS = {"": 1, "k": 1 << 10, "M": 1 << 20}


def described(index: str, rows: int) -> str:
    """What FAISS's `index_factory` is to build for so many rows: `index` itself, or what `auto` means for them."""
    if index != AUTO:
        return index
    return FLAT if rows <= _FLAT_ROWS else _GRAPH


def build_structure(description: str, vectors: Vectors) -> Any:
    """The FAISS index of that description over unit rows `(rows, dimension) float32`, by inner product.

    The same rows give the same structure. Raises InputError for a description that FAISS doesn't understand or can't
    build over rows of that dimension, or that needs more rows to be trained.
    """
    import faiss

    rows, width = vectors.shape
    needed = _POINTS * _centroids(description)
    if rows < needed:
        raise InputError(
            f"The index {description!r} is trained on at least {needed:,} passages and there are {rows:,}, so it would "
            f"find little. Take {FLAT!r}, which is exact and quick for so few, or describe fewer centroids."
        )
    try:
        structure = faiss.index_factory(width, description, faiss.METRIC_INNER_PRODUCT)
        with _in_a_fixed_order(description):
            structure.train(vectors)
            structure.add(vectors)
    except RuntimeError as error:
        raise InputError(
            f"FAISS can't build the index {description!r} over vectors of {width} numbers "
            f"({str(error).rsplit(': ', 1)[-1]}). Take 'auto', 'Flat', or a description such as 'HNSW32', "
            "'IVF256,Flat' or 'IVF256,PQ48'."
        ) from error
    return structure


def default_effort(description: str) -> dict[str, int]:
    """How hard a structure looks, in FAISS's own words: `nprobe` of its lists, `efSearch` places of its graph."""
    lists = _lists(description)
    if lists:
        return {"nprobe": max(1, -(-lists // _LISTS_SHARE))}
    return {"efSearch": _GRAPH_EFFORT} if "HNSW" in description else {}


def set_effort(structure: Any, effort: Mapping[str, int]) -> None:
    """Makes `structure` look as hard as `effort` says."""
    import faiss

    for name, value in effort.items():
        faiss.ParameterSpace().set_index_parameter(structure, name, value)


def candidates(structure: Any, queries: Vectors, count: int) -> Iterator[NDArray[np.int64]]:
    """For each query at most `count` rows that `structure` takes for near, the same however many queries there are."""
    for start in range(0, len(queries), _TOGETHER):
        _, found = structure.search(np.ascontiguousarray(queries[start : start + _TOGETHER]), count)
        for rows in found:
            yield rows[rows >= 0]


def write_structure(path: Path, structure: Any) -> None:
    """Writes `structure` as FAISS does, and raises OSError where the disk is full."""
    import faiss

    with path.open("wb") as file:
        # not by its name: FAISS only prints a message when the disk fills up with the last block
        faiss.write_index(structure, faiss.PyCallbackIOWriter(file.write))  # type: ignore[attr-defined]


def map_structure(path: Path) -> Any:
    """The structure in a file, of which only what is used is read; raises RuntimeError for anything else."""
    import faiss

    return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)


def _lists(description: str) -> int:
    found = re.search(r"IVF(\d+)([kM]?)", description)
    return int(found[1]) * _THOUSANDS[found[2]] if found else 0


def _centroids(description: str) -> int:
    """The most centroids that one clustering of the description has."""
    products = [1 << int(bits or 8) for bits in re.findall(r"PQ\d+(?:x(\d+))?", description)]
    return max(_lists(description), *products, 0)


@contextmanager
def _in_a_fixed_order(description: str) -> Iterator[None]:
    """One thread for a graph, whose edges depend on the order in which rows come."""
    import faiss

    threads = faiss.omp_get_max_threads()
    if re.search("HNSW|NSG", description):
        faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)
