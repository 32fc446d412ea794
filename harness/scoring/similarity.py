"""How near an answer is to a reference in meaning, by sentence embeddings that the caller computes."""

from collections.abc import Sequence
from typing import Any, Self

from harness.errors import InputError
from harness.scoring.quality import Embed, Given, QualityMetric, UnscoredError


class Similarity(QualityMetric):
    """Mean cosine of an answer's embedding with that of the nearest reference; 0 where it is below 0.

    An empty answer, which means nothing, has a similarity of 0.
    """

    family = metric = "similarity"

    def __init__(self, embed: Embed, embedder: str = "", **settings: Any) -> None:
        """`embed` turns texts into unit vectors `(texts, dimension) float32`; `embedder` says which model does."""
        self._embed = embed
        self.signature = f"embedder:{embedder}"
        super().__init__(**settings)

    @classmethod
    def of(cls, argument: str | None, given: Given) -> Self:
        """See the class; raises InputError if the caller has no embedder."""
        if argument is not None:
            raise InputError(f"similarity({argument}): similarity takes no argument. Write similarity.")
        if given.embed is None:
            raise InputError("similarity: there is no embedder here. Choose another metric.")
        return cls(given.embed, given.embedder)

    def judge(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Sequence[float | UnscoredError]:
        """The best cosine for each prediction, all texts embedded in one call and equal ones once."""
        texts = {*predictions, *(text for row in references for text in row)}
        embedded = sorted(text for text in texts if text.strip())
        vectors = dict(zip(embedded, self._embed(embedded), strict=True)) if embedded else {}
        return [
            min(max(0.0, *(float(vectors[p] @ vectors[text]) for text in row)), 1.0) if p in vectors else 0.0
            for p, row in zip(predictions, references, strict=True)
        ]
