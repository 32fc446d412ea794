"""Whether the passages that were shown bear an answer out, and whether they held what was to be found."""

from collections.abc import Sequence
from typing import Any

import datasets

from harness.scoring.metric import CaseMetric
from harness.scoring.text import normalise

_SAYS_LITTLE = frozenset(
    """
    and are at be been by can cannot could did do does for from had has have he her here hers him his how i if in into
    is it its me my no nor not of on or our she so than that their them then there these they this those to us was we
    were what when where which who why will with would you your
    yes maybe true false none neither both either nothing nobody unknown unanswerable unsure
    """.split()
)


def says_something(answer: str) -> bool:
    """Whether `answer` has a word that doesn't stand in almost any text, as "yes", "it is" and single letters do."""
    words = normalise(answer).split()
    return any(word not in _SAYS_LITTLE and (len(word) > 1 or not word.isascii()) for word in words)


def is_supported(answer: str, passages: Sequence[str]) -> float:
    """1.0 if the words of `answer` stand one after the other in one of the passages, else 0.0.

    After SQuAD's normalisation; words are what white space separates, and only whole ones count.
    """
    words = f" {normalise(answer)} "
    return float(any(words in f" {normalise(passage)} " for passage in passages))


class Supported(CaseMetric):
    """Share of answers that stand in a passage which was shown (references: the passages)."""

    metric = "supported"

    def score_case(self, prediction: str, references: Sequence[str]) -> float:
        """See `is_supported`."""
        return is_supported(prediction, references)


class _Complete(CaseMetric):
    """Base of metrics whose prediction is a list of names: whether what is needed of the references is among them."""

    prediction = datasets.Sequence(datasets.Value("string"))

    def __init__(self, *, any_will_do: bool = False, **settings: Any) -> None:
        """Needed are all references, or any one of them."""
        self._any_will_do = any_will_do
        super().__init__(**settings)

    def score_case(self, prediction: Sequence[str], references: Sequence[str]) -> float:
        """1.0 if nothing that is needed is missing, else 0.0."""
        found = set(references) & set(prediction)
        return float(bool(found) if self._any_will_do else found == set(references))


class EvidenceRetrieved(_Complete):
    """Share of cases of which all evidence that is needed was retrieved."""

    metric = "evidence_retrieved"


class EvidenceShown(_Complete):
    """Share of cases of which all evidence that is needed stood in the prompt."""

    metric = "evidence_shown"
