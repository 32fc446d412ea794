"""Turns texts into unit vectors with a sentence-transformers model.

Knows nothing of indexes, nor of where the texts come from.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from harness._quiet import quiet_transformers
from harness.errors import InputError
from harness.retrieval.quickest import quickest
from harness.retrieval.tokens import readable, token_counts

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Role = Literal["query", "document"]
NumberType = Literal["float32", "bfloat16"]
Vectors = NDArray[np.float32]

_CPU_TOKENS = 1_024  # in a batch: many enough to keep the kernels busy, few enough for little padding and the caches
_FLAT_TOKENS = 4_096  # where nothing is padded, weights are read less often, and memory isn't given back in between
_OTHER_TOKENS = 16_384  # an accelerator wants more


def load_embedder(folder: Path, device: str = "cpu", dtype: NumberType = "float32") -> "SentenceTransformer":
    """The model in a local folder (see `locate_embedder`), on `device`; needs no network and runs none of its code.

    It computes in `dtype`; in bfloat16 it is quicker on processors that have it, and its vectors are others (their
    cosine with those of float32 is about 0.9999). Raises InputError if the folder holds no model that
    sentence-transformers can load.
    """
    import torch
    from sentence_transformers import SentenceTransformer

    settings = {"dtype": getattr(torch, dtype)}
    try:
        with quiet_transformers():
            return SentenceTransformer(
                str(folder), device=device, local_files_only=True, trust_remote_code=False, model_kwargs=settings
            )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise InputError(
            f"{folder}: can't be loaded as a sentence-transformers model ({error}). Give the folder of one."
        ) from error


def embed(
    model: "SentenceTransformer",
    texts: Sequence[str],
    role: Role,
    *,
    batch_tokens: int | None = None,
    advance: Callable[[int], None] | None = None,
) -> Vectors:
    """Unit vectors of `texts` in their order, `(texts, dimension) float32`.

    The model's own prompt for queries or documents is put before each text. Texts are embedded by length, at most
    `batch_tokens` tokens with padding at once (if None, 4,096 on a CPU, 1,024 for models that need padding there, and
    16,384 elsewhere), and equal texts once, so that their vectors are equal to the bit. `advance` is called with the
    number of texts that each batch finished. Half of a surrogate pair, which no tokenizer takes, is read as U+FFFD.
    Raises InputError for a vector that has no direction.
    """
    encode = model.encode_query if role == "query" else model.encode_document
    positions: dict[str, list[int]] = {}
    for position, text in enumerate(texts):
        positions.setdefault(readable(text), []).append(position)
    distinct = list(positions)
    vectors = np.empty((len(texts), dimension(model)), dtype=np.float32)
    counts = token_counts(model, distinct)
    with quickest(model, distinct) as way:
        most = batch_tokens or (_FLAT_TOKENS if way.flat else _most_padded(model))
        for batch in _batches(distinct, counts, most):
            rows = encode(batch, batch_size=len(batch), show_progress_bar=False, convert_to_numpy=True)
            for text, row in zip(batch, _unit(np.asarray(rows, dtype=np.float32), batch), strict=True):
                vectors[positions[text]] = row
            if advance is not None:
                advance(sum(len(positions[text]) for text in batch))
    return vectors


def dimension(model: "SentenceTransformer") -> int:
    """How many numbers a vector of `model` has."""
    return int(model.get_embedding_dimension() or 0)


def _most_padded(model: "SentenceTransformer") -> int:
    return _CPU_TOKENS if model.device.type == "cpu" else _OTHER_TOKENS


def _batches(texts: Sequence[str], lengths: Sequence[int], tokens: int) -> Iterator[list[str]]:
    """The texts, the longest first (what doesn't fit into memory fails at once), at most `tokens` a batch."""
    batch: list[str] = []
    widest = 0
    for length, text in sorted(zip(lengths, texts, strict=True), key=lambda pair: pair[0], reverse=True):
        if batch and (len(batch) + 1) * widest > tokens:
            yield batch
            batch = []
        widest = widest if batch else length
        batch.append(text)
    if batch:
        yield batch


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
