"""Turns texts into unit vectors with a sentence-transformers model.

Knows nothing of indexes, nor of where the texts come from.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from harness._quiet import quiet_transformers
from harness.errors import InputError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Role = Literal["query", "document"]
Vectors = NDArray[np.float32]


def load_embedder(folder: Path, device: str = "cpu") -> "SentenceTransformer":
    """The model in a local folder (see `locate_embedder`), on `device`; needs no network and runs none of its code.

    Raises InputError if the folder holds no model that sentence-transformers can load.
    """
    from sentence_transformers import SentenceTransformer

    try:
        with quiet_transformers():
            return SentenceTransformer(str(folder), device=device, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise InputError(
            f"{folder}: can't be loaded as a sentence-transformers model ({error}). Give the folder of one."
        ) from error


def embed(
    model: "SentenceTransformer",
    texts: Sequence[str],
    role: Role,
    *,
    batch_size: int = 64,
    advance: Callable[[int], None] | None = None,
) -> Vectors:
    """Unit vectors of `texts` in their order, `(texts, dimension) float32`.

    The model's own prompt for queries or documents is put before each text. Texts are embedded by length, so that a
    batch holds little padding, and equal texts once, so that their vectors are equal to the bit. `advance` is called
    with the number of texts that each batch finished. Raises InputError for a vector that has no direction.
    """
    encode = model.encode_query if role == "query" else model.encode_document
    positions: dict[str, list[int]] = {}
    for position, text in enumerate(texts):
        positions.setdefault(text, []).append(position)
    distinct = sorted(positions, key=len, reverse=True)  # the longest first: what doesn't fit fails at once
    vectors = np.empty((len(texts), dimension(model)), dtype=np.float32)
    for start in range(0, len(distinct), batch_size):
        batch = distinct[start : start + batch_size]
        rows = encode(batch, batch_size=len(batch), show_progress_bar=False, convert_to_numpy=True)
        for text, row in zip(batch, _unit(np.asarray(rows, dtype=np.float32), batch), strict=True):
            vectors[positions[text]] = row
        if advance is not None:
            advance(sum(len(positions[text]) for text in batch))
    return vectors


def dimension(model: "SentenceTransformer") -> int:
    """How many numbers a vector of `model` has."""
    return int(model.get_embedding_dimension() or 0)


def _unit(rows: Vectors, texts: Sequence[str]) -> Vectors:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    bad = ~(np.isfinite(lengths[:, 0]) & (lengths[:, 0] > 0))
    if bad.any():
        text = texts[int(np.argmax(bad))]
        raise InputError(
            f"The embedder gave a vector without a direction (zero or not finite) for the text {text[:80]!r}, "
            "so nothing could be ranked by it. Use another embedder, or another number type."
        )
    unit: Vectors = rows / lengths
    return unit
