"""Recall@k and mean reciprocal rank of retrieved documents (Manning et al. 2008, chapter 8)."""

from collections.abc import Sequence
from typing import Any

import datasets

from harness.scoring.metric import CaseMetric


def recall(ranked: Sequence[str], relevant: Sequence[str], k: int) -> float:
    """The share of the relevant documents that are among the first `k`."""
    return len(set(relevant) & set(ranked[:k])) / len(set(relevant))


def reciprocal_rank(ranked: Sequence[str], relevant: Sequence[str]) -> float:
    """One over the rank of the first relevant document; 0.0 if none was retrieved."""
    return next((1 / rank for rank, name in enumerate(ranked, 1) if name in relevant), 0.0)


class Ranking(CaseMetric):
    """Base of metrics whose prediction is a list of document ids, best first."""

    prediction = datasets.Sequence(datasets.Value("string"))


class Recall(Ranking):
    """Mean share of the evidence that is among the first k documents; its name carries k."""

    def __init__(self, k: int, **settings: Any) -> None:
        """`k` is how many documents count."""
        self.k = k
        self.metric = f"recall@{k}"
        super().__init__(**settings)

    def score_case(self, prediction: Sequence[str], references: Sequence[str]) -> float:
        """See `recall`."""
        return recall(prediction, references, self.k)


class MeanReciprocalRank(Ranking):
    """Mean of one over the rank of the first document that is evidence."""

    metric = "mrr"

    def score_case(self, prediction: Sequence[str], references: Sequence[str]) -> float:
        """See `reciprocal_rank`."""
        return reciprocal_rank(prediction, references)
