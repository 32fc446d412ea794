"""An index over a corpus: its passages, their vectors, what embedded them, and how near ones are found quickly.

Saved as a folder of `vectors.npy`, `passages.jsonl`, `settings.json` and, unless the index is flat, `index.faiss`: a
flat index is nothing but its vectors. Knows nothing of how vectors are made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from harness.errors import InputError
from harness.retrieval.embedder import Vectors
from harness.retrieval.passages import Passage, check_passages, read_passages, write_passages
from harness.retrieval.structures import (
    AUTO,
    FLAT,
    build_structure,
    default_effort,
    described,
    map_structure,
    set_effort,
    write_structure,
)


class IndexSettings(BaseModel):
    """What must agree before an index may be searched; `embedder` is the hash of the model's files.

    `structure` is FAISS's description, and `effort` how hard FAISS looks, in FAISS's names; a flat index looks at all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["harness.index/2"] = "harness.index/2"
    structure: str = FLAT
    effort: dict[str, int] = {}
    metric: Literal["inner-product"] = "inner-product"
    dimension: int
    passages: int
    embedder: str


@dataclass(frozen=True)
class PassageIndex:
    """Passages, and the unit vector of passage i as row i of `vectors` `(passages, dimension) float32`.

    `structure` is a FAISS index over these rows, or None where all of them are looked at.
    """

    passages: tuple[Passage, ...]
    vectors: Vectors
    structure: Any  # faiss.Index, which has no types
    settings: IndexSettings

    @cached_property
    def by_id(self) -> dict[str, Passage]:
        """The passages by their id."""
        return {passage.id: passage for passage in self.passages}


def build_index(passages: Sequence[Passage], vectors: Vectors, embedder: str, index: str = AUTO) -> PassageIndex:
    """An inner-product index over unit rows `(passages, dimension) float32` from the model with that hash.

    `index` is `auto`, which goes by size, or a description for FAISS's `index_factory`. The rows aren't copied, so
    leave them as they are. Raises InputError for an empty corpus, repeated ids or a structure that can't be built,
    and ValueError for rows that aren't one unit vector each.
    """
    check_passages(passages)
    if vectors.shape[0] != len(passages) or vectors.dtype != np.float32:
        raise ValueError(f"{len(passages)} passages need as many rows of float32, not {vectors.shape} {vectors.dtype}")
    if not np.allclose(np.einsum("ij,ij->i", vectors, vectors), 1, atol=2e-3):
        raise ValueError("the rows must have length 1: only then is the inner product the cosine")
    vectors = np.ascontiguousarray(vectors)
    description = described(index, len(passages))
    settings = IndexSettings(
        structure=description,
        effort=default_effort(description),
        dimension=vectors.shape[1],
        passages=len(passages),
        embedder=embedder,
    )
    structure = None if description == FLAT else build_structure(description, vectors)
    set_effort(structure, settings.effort)
    return PassageIndex(tuple(passages), vectors, structure, settings)


def save_index(index: PassageIndex, folder: Path) -> None:
    """Writes the index into `folder`, which exists."""
    with (folder / "vectors.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(index.vectors))
        file.write(index.vectors.data)
    if index.structure is not None:
        write_structure(folder / "index.faiss", index.structure)
    write_passages(folder / "passages.jsonl", index.passages)
    (folder / "settings.json").write_text(index.settings.model_dump_json(indent=2) + "\n", encoding="utf-8")


def load_index(folder: Path, embedder: str) -> PassageIndex:
    """The index in `folder`, to be searched with vectors of the model whose hash is `embedder`.

    Vectors and structure are mapped into memory: only what is looked at is read, and processes share it. Raises
    InputError if another model embedded it, or if its parts don't fit together.
    """
    try:
        settings = IndexSettings.model_validate_json((folder / "settings.json").read_bytes())
        # copy on write, since torch warns of arrays that can't be written; nobody writes
        vectors = np.load(folder / "vectors.npy", mmap_mode="c", allow_pickle=False)
        structure = None if settings.structure == FLAT else map_structure(folder / "index.faiss")
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"{folder}: holds no index that can be read ({error}). Build it again.") from error
    if settings.embedder != embedder:
        raise InputError(
            f"{folder}: was embedded by the model {settings.embedder[:12]}…, not by {embedder[:12]}…, "
            "and vectors of two models can't be compared. Build the index again with this embedder."
        )
    passages = read_passages(folder / "passages.jsonl")
    check_passages(passages)
    stated = (settings.passages, settings.dimension)
    found = {"vectors": vectors.shape, "passages": (len(passages), settings.dimension)}
    if structure is not None:
        found["structure"] = (structure.ntotal, structure.d)
    if set(found.values()) != {stated} or vectors.dtype != np.float32 or not vectors.flags.c_contiguous:
        raise InputError(f"{folder}: holds {found} where its settings state {stated}. Build the index again.")
    set_effort(structure, settings.effort)
    return PassageIndex(passages, vectors, structure, settings)
