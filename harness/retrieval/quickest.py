"""Chooses how an embedder computes: the quickest way that gives the vectors which it gives by itself.

Ways differ in what they do to padding, attention and linear layers; a few texts are embedded by each until one agrees.
Knows nothing of how texts are put into batches.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import RLock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from harness.kernels import fast_linear, linear_kernel

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from harness.kernels.packed import PackedLinears

_SAMPLE = "Of several texts that are embedded together none may see another."
_FURTHEST = {"float32": 1e-5, "bfloat16": 0.1}  # two unit vectors of one text; in bfloat16 encode's own are 0.013 away


@dataclass(frozen=True)
class Way:
    """How an embedder computes: texts one after another or padded; with linear layers packed beforehand or as it is."""

    flat: bool
    packed: "PackedLinears | None"

    @contextmanager
    def taken(self, model: "SentenceTransformer") -> Iterator[None]:
        """While it is entered, `model` computes so."""
        with ExitStack() as stack:
            stack.enter_context(fast_linear())
            if self.packed:
                stack.enter_context(self.packed.installed())
            if self.flat:
                from harness.retrieval.flat import flat

                stack.enter_context(flat(model))
            yield


_ways: "WeakKeyDictionary[SentenceTransformer, dict[tuple[str, bool], Way]]" = WeakKeyDictionary()
_lock = RLock()  # a way is put into the model itself


@contextmanager
def quickest(model: "SentenceTransformer", texts: Sequence[str]) -> Iterator[Way]:
    """While it is entered, by one thread at a time, `model` computes by the quickest way that is right.

    The first time, that is found out with a few of `texts`. On other devices than the CPU nothing is changed.
    """
    with _lock:
        way = _way_of(model, texts)
        with way.taken(model):
            yield way


def _way_of(model: "SentenceTransformer", texts: Sequence[str]) -> Way:
    if model.device.type != "cpu":
        return Way(flat=False, packed=None)
    from harness.retrieval.flat import can_be_flat

    kernel, maybe_flat = linear_kernel(), can_be_flat(model)
    ways = _ways.setdefault(model, {})
    way = ways.get((kernel, maybe_flat))
    if way is None or (way.packed and not way.packed.current):
        sample = [*_extremes(texts), _SAMPLE]
        way = ways[kernel, maybe_flat] = _found(model, sample, kernel, maybe_flat)
    return way


def _extremes(texts: Sequence[str]) -> list[str]:
    return [min(texts, key=len), max(texts, key=len)] if texts else []


def _found(model: "SentenceTransformer", texts: Sequence[str], kernel: str, maybe_flat: bool) -> Way:
    plain = Way(flat=False, packed=None)
    own = _vectors(model, texts, plain)
    packed = _packed(model, texts) if kernel == "onednn" else None
    for flat in (True, False) if maybe_flat else (False,):
        way = Way(flat, packed)
        try:
            if way != plain and _agree(_vectors(model, texts, way), own, model):
                return way
        except Exception:  # whatever a model does that can't be computed so
            continue
    return plain


def _packed(model: "SentenceTransformer", texts: Sequence[str]) -> "PackedLinears | None":
    try:
        from harness.kernels.packed import PackedLinears

        return PackedLinears(model, lambda: model.encode(list(texts), show_progress_bar=False))
    except (AttributeError, RuntimeError):  # a build without the operations, or with others
        return None


def _vectors(model: "SentenceTransformer", texts: Sequence[str], way: Way) -> Any:
    with way.taken(model):
        rows = np.asarray(model.encode(list(texts), show_progress_bar=False), dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):  # what has no direction agrees with nothing
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _agree(ours: Any, own: Any, model: "SentenceTransformer") -> bool:
    kind = str(next(model.parameters()).dtype).removeprefix("torch.")
    return bool((np.linalg.norm(ours - own, axis=1) < _FURTHEST.get(kind, 0.0)).all())
