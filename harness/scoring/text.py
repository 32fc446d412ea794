"""Exact match and token F1 with SQuAD's normalisation (Rajpurkar et al. 2016), and the stale rate."""

import re
import string
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from harness.scoring.metric import CaseMetric
from harness.scoring.quality import QualityMetric

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


@lru_cache(maxsize=2**15)  # every variant is asked the same cases, and most are shown the same passages
def normalise(text: str) -> str:
    """Lower case, without punctuation and English articles, with single spaces."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(prediction: str, references: Sequence[str]) -> float:
    """1.0 if the prediction equals any reference after normalisation, else 0.0."""
    return float(normalise(prediction) in {normalise(reference) for reference in references})


def token_f1(prediction: str, references: Sequence[str]) -> float:
    """The best F1 of the prediction and a reference, as bags of normalised words.

    As in SQuAD 2.0's script, two empty texts agree and an empty one agrees with nothing else.
    """
    return max(_f1(normalise(prediction).split(), normalise(reference).split()) for reference in references)


def _f1(prediction: list[str], reference: list[str]) -> float:
    common = (Counter(prediction) & Counter(reference)).total()
    if not prediction or not reference:
        return float(prediction == reference)
    if not common:
        return 0.0
    precision, recall = common / len(prediction), common / len(reference)
    return 2 * precision * recall / (precision + recall)


class ExactMatch(QualityMetric):
    """Share of predictions that equal a reference."""

    family = metric = "exact_match"

    def score_case(self, prediction: str, references: Sequence[str]) -> float:
        """See `exact_match`."""
        return exact_match(prediction, references)


class TokenF1(QualityMetric):
    """Mean word overlap with the nearest reference."""

    family = metric = "token_f1"

    def score_case(self, prediction: str, references: Sequence[str]) -> float:
        """See `token_f1`."""
        return token_f1(prediction, references)


class StaleRate(CaseMetric):
    """Share of predictions that give an answer which was right before the corpus changed (references: those)."""

    metric = "stale_rate"

    def score_case(self, prediction: str, references: Sequence[str]) -> float:
        """See `exact_match`."""
        return exact_match(prediction, references)
