"""A FAISS index over a corpus, together with the passages behind its rows and what embedded them.

Saved as a folder of `index.faiss`, `passages.jsonl` and `settings.json`. Knows nothing of how vectors are made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from harness.errors import InputError
from harness.retrieval.embedder import Vectors
from harness.retrieval.passages import Passage, check_passages, read_passages, write_passages


class IndexSettings(BaseModel):
    """What must agree before an index may be searched; `embedder` is the hash of the model's files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["harness.index/1"] = "harness.index/1"
    structure: Literal["Flat"] = "Flat"
    metric: Literal["inner-product"] = "inner-product"
    dimension: int
    passages: int
    embedder: str


@dataclass(frozen=True)
class PassageIndex:
    """Passages, and a FAISS index (`vectors`) whose row i is the unit vector of passage i."""

    passages: tuple[Passage, ...]
    vectors: Any  # faiss.Index, which has no types
    settings: IndexSettings

    @cached_property
    def by_id(self) -> dict[str, Passage]:
        """The passages by their id."""
        return {passage.id: passage for passage in self.passages}


def build_index(passages: Sequence[Passage], vectors: Vectors, embedder: str) -> PassageIndex:
    """An exact inner-product index over unit rows `(passages, dimension) float32` from the model with that hash.

    Raises InputError for an empty corpus or repeated ids, and ValueError for rows that aren't one unit vector each.
    """
    import faiss

    check_passages(passages)
    if vectors.shape[0] != len(passages) or vectors.dtype != np.float32:
        raise ValueError(f"{len(passages)} passages need as many rows of float32, not {vectors.shape} {vectors.dtype}")
    if not np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3):
        raise ValueError("the rows must have length 1: only then is the inner product the cosine")
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(np.ascontiguousarray(vectors))
    settings = IndexSettings(dimension=vectors.shape[1], passages=len(passages), embedder=embedder)
    return PassageIndex(tuple(passages), index, settings)


def save_index(index: PassageIndex, folder: Path) -> None:
    """Writes the index into `folder`, which exists."""
    import faiss

    # not faiss.write_index, which only prints a message when the disk fills up with the last block
    (folder / "index.faiss").write_bytes(faiss.serialize_index(index.vectors).data)
    write_passages(folder / "passages.jsonl", index.passages)
    (folder / "settings.json").write_text(index.settings.model_dump_json(indent=2) + "\n", encoding="utf-8")


def load_index(folder: Path, embedder: str) -> PassageIndex:
    """The index in `folder`, to be searched with vectors of the model whose hash is `embedder`.

    Raises InputError if another model embedded it, or if its parts don't fit together.
    """
    import faiss

    try:
        settings = IndexSettings.model_validate_json((folder / "settings.json").read_bytes())
        vectors = faiss.read_index(str(folder / "index.faiss"))
    except (OSError, ValidationError, RuntimeError) as error:
        raise InputError(f"{folder}: holds no index that can be read ({error}). Build it again.") from error
    if settings.embedder != embedder:
        raise InputError(
            f"{folder}: was embedded by the model {settings.embedder[:12]}…, not by {embedder[:12]}…, "
            "and vectors of two models can't be compared. Build the index again with this embedder."
        )
    passages = read_passages(folder / "passages.jsonl")
    check_passages(passages)
    found = {"dimension": vectors.d, "rows": vectors.ntotal, "passages": len(passages)}
    stated = {"dimension": settings.dimension, "rows": settings.passages, "passages": settings.passages}
    if found != stated:
        raise InputError(f"{folder}: holds {found} where its settings state {stated}. Build the index again.")
    return PassageIndex(passages, vectors, settings)
