"""Reads a query and each passage together, with a cross-encoder, and ranks the passages by what it says.

Knows nothing of how the passages were found.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness._quiet import quiet_transformers
from harness.errors import InputError
from harness.kernels import fast_linear
from harness.retrieval.passages import Passage
from harness.retrieval.search import Hit
from harness.retrieval.tokens import readable

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

_BATCH = 32  # pairs, which the model sorts by length


def load_reranker(folder: Path, device: str = "cpu") -> "CrossEncoder":
    """The cross-encoder in a local folder (see `locate_reranker`), in float32; needs no network, runs none of its code.

    Raises InputError if the folder holds no model that gives one score a pair.
    """
    import torch
    from sentence_transformers import CrossEncoder

    settings = {"dtype": torch.float32}
    try:
        with quiet_transformers():
            model = CrossEncoder(
                str(folder), device=device, local_files_only=True, trust_remote_code=False, model_kwargs=settings
            )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise InputError(f"{folder}: can't be loaded as a cross-encoder ({error}). Give the folder of one.") from error
    if model.num_labels != 1:
        raise InputError(
            f"{folder}: gives {model.num_labels} scores for a pair of texts where ranking needs one. "
            "Use a cross-encoder that was trained to rank."
        )
    return model


def rerank(model: "CrossEncoder", query: str, passages: Sequence[Passage]) -> list[Hit]:
    """The passages in the order of the model's scores before any activation, best first; equal ones by passage id.

    Every query is scored on its own and equal texts once, so that no order depends on what else is asked.
    Raises InputError for a score that is not a finite number.
    """
    import torch

    texts = sorted({passage.searched_text for passage in passages})
    with fast_linear():
        # the usual activation, a sigmoid, would round the scores of very good passages to 1
        given = model.predict(
            [(readable(query), readable(text)) for text in texts],
            batch_size=_BATCH,
            show_progress_bar=False,
            activation_fn=torch.nn.Identity(),
        )
    if not np.isfinite(given).all():
        raise InputError(
            f"The reranker gave a score that is not a finite number for the query {query[:80]!r}, so its order would "
            "mean nothing. Use another cross-encoder."
        )
    scores = dict(zip(texts, given.tolist(), strict=True))
    hits = [Hit(passage.id, scores[passage.searched_text]) for passage in passages]
    return sorted(hits, key=lambda hit: (-hit.score, hit.passage))
