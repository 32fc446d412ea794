"""Whether the passages that were shown bear an answer out."""

from collections.abc import Sequence

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
