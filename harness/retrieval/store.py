"""Keeps vectors by the text that was embedded, so that no text is embedded twice, whatever corpus it stands in.

On disk, in a folder for one model, number type and version of the code::

    STORE/HASH.npy    a segment: rows of a text's hash, its vector and seconds; HASH is the SHA-256 of the file
    STORE.lock        held while texts are embedded; the system frees it when a process dies

A segment is written when its texts are embedded, so an interrupted run loses one segment at most. Knows nothing of
passages.
"""

import hashlib
import io
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError
from harness.retrieval.embedder import Role, Vectors, dimension, embed
from harness.runs import CACHE_VARIABLE, file_hash
from harness.runs.locks import locked
from harness.runs.storage import storage_errors, sweep, write_atomic

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_SEGMENT = 1_024  # texts: a minute's work on a slow processor, and many enough to be sorted by length
_REMEDY = f"Free space there, or set {CACHE_VARIABLE} to a folder that can be written and has room."

logger = logging.getLogger(__name__)


def embed_stored(
    store: Path,
    model: "SentenceTransformer",
    texts: Sequence[str],
    role: Role,
    *,
    advance: Callable[[int], None] | None = None,
    spared: Callable[[float], None] | None = None,
) -> Vectors:
    """Unit vectors of `texts` in their order, `(texts, dimension) float32`; only those not in `store` are embedded.

    `store` is a folder that the caller names after all that vectors depend on beside the text: the model's hash, its
    device and number type, the code and the libraries. A damaged segment is logged as a warning, dropped and embedded
    again. While another process embeds into `store`, this one waits for it. `advance` is called with the numbers of
    texts that are done, `spared` with the seconds that it once took to embed those that were in the store. Raises
    CacheError if the store can't be written, and InputError as `embed` does.
    """
    advance, spared = advance or (lambda count: None), spared or (lambda seconds: None)
    wanted = _Wanted(texts, role, dimension(model))
    read = _read(store, wanted, set(), advance, spared)
    if wanted.missing:
        with storage_errors(store, "the embedded texts", _REMEDY):
            store.mkdir(parents=True, exist_ok=True)
            with locked(store):
                sweep(store)
                # again, since another process may have embedded some meanwhile
                _read(store, wanted, read, advance, spared, drop=True)
                _embed_missing(store, model, role, wanted, advance)
    return wanted.vectors


class _Wanted:
    """The vectors that were asked for, and the hashes of the texts that have none yet, with their places."""

    def __init__(self, texts: Sequence[str], role: Role, width: int) -> None:
        self.vectors: Vectors = np.empty((len(texts), width), dtype=np.float32)
        self.missing: dict[bytes, list[int]] = {}
        self.texts = texts
        for place, text in enumerate(texts):
            content = f"{role}\0{text}".encode("utf-8", "surrogatepass")
            self.missing.setdefault(hashlib.sha256(content).digest(), []).append(place)

    def fill(self, segment: NDArray[Any]) -> tuple[int, float]:
        """Takes from `segment` what is missing: for how many texts, and the seconds that embedding it once took."""
        filled, seconds = 0, 0.0
        for row, key in enumerate(segment["text"].tolist()):
            places = self.missing.pop(key, [])
            if places:
                self.vectors[places] = segment["vector"][row]
                seconds += float(segment["seconds"][row])
                filled += len(places)
        return filled, seconds


def _row(width: int) -> np.dtype[Any]:
    return np.dtype([("text", "V32"), ("seconds", "<f4"), ("vector", "<f4", (width,))])


def _read(
    store: Path,
    wanted: _Wanted,
    known: set[str],
    advance: Callable[[int], None],
    spared: Callable[[float], None],
    *,
    drop: bool = False,
) -> set[str]:
    """Fills `wanted` from the intact segments that aren't `known`, and returns the names of these segments.

    The damaged ones are passed over, or, with `drop`, removed.
    """
    intact = set()
    for path in sorted(store.glob("*.npy")):
        if path.name in known or not wanted.missing:
            continue
        segment, problem = _segment(path, wanted.vectors.shape[1])
        if segment is not None:
            intact.add(path.name)
            filled, seconds = wanted.fill(segment)
            advance(filled)
            spared(seconds)
        elif drop:
            logger.warning("%s: these embedded texts are damaged (%s), so they are embedded again.", path, problem)
            path.unlink(missing_ok=True)
    return intact


def _segment(path: Path, width: int) -> tuple[NDArray[Any] | None, str]:
    """The segment at `path`, mapped into memory, or what is wrong with it."""
    try:
        if file_hash(path) != path.stem:
            return None, "its content isn't what was written"
        segment = np.load(path, mmap_mode="r", allow_pickle=False)
    except (InputError, OSError, ValueError) as error:
        return None, str(error)
    return (segment, "") if segment.dtype == _row(width) else (None, f"its rows are {segment.dtype}")


def _embed_missing(
    store: Path, model: "SentenceTransformer", role: Role, wanted: _Wanted, advance: Callable[[int], None]
) -> None:
    missing = list(wanted.missing.items())
    for start in range(0, len(missing), _SEGMENT):
        part = missing[start : start + _SEGMENT]
        segment = np.empty(len(part), dtype=_row(wanted.vectors.shape[1]))
        segment["text"] = [key for key, _ in part]
        begun = time.perf_counter()
        segment["vector"] = embed(model, [wanted.texts[places[0]] for _, places in part], role, advance=advance)
        segment["seconds"] = (time.perf_counter() - begun) / len(part)
        content = io.BytesIO()
        np.save(content, segment, allow_pickle=False)
        write_atomic(store / f"{hashlib.sha256(content.getvalue()).hexdigest()}.npy", content.getvalue())
        filled, _ = wanted.fill(segment)
        advance(filled - len(part))  # the texts that stand more than once
