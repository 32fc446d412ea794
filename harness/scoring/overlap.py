"""Overlap with a reference text: ROUGE-L, and BLEU and chrF by sacrebleu, a number a case."""

import re
from collections.abc import Sequence
from typing import Any

from harness.errors import InputError
from harness.scoring.quality import QualityMetric, UnscoredError

_WORD = re.compile(r"[a-z0-9]+")


def rouge_words(text: str) -> list[str]:
    """The words that ROUGE compares: of ASCII letters and digits alone, in lower case, without stemming."""
    return _WORD.findall(text.lower())


def rouge_l(prediction: Sequence[str], reference: Sequence[str]) -> float:
    """The F1 of the longest common subsequence of two texts' words, 0 to 1 (Lin 2004)."""
    common = longest_common_subsequence(prediction, reference)
    return 2 * common / (len(prediction) + len(reference)) if common else 0.0


def longest_common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """How many words two texts have in common in the same order.

    A row of the usual table is held in the bits of one number (Hyyrö 2004): rouge-score's table of numbers takes
    seventeen times as long for texts of 60 words.
    """
    places: dict[str, int] = {}
    for place, word in enumerate(second):
        places[word] = places.get(word, 0) | 1 << place
    everywhere = (1 << len(second)) - 1
    row = everywhere
    for word in first:
        found = row & places.get(word, 0)
        row = ((row + found) | (row - found)) & everywhere
    return len(second) - row.bit_count()


class RougeL(QualityMetric):
    """Mean F1 of the longest common subsequence of words with the nearest reference.

    As rouge-score 0.1.2 has it without stemming. A case whose references have no word that ROUGE knows is unscored.
    """

    family = metric = "rouge_l"
    signature = "rougeL|value:f1|stemmer:no"

    def score_case(self, prediction: str, references: Sequence[str]) -> float:
        """See `rouge_l`; raises UnscoredError."""
        wanted = [words for words in map(rouge_words, references) if words]
        if not wanted:
            raise UnscoredError("the references have no ASCII word, and ROUGE knows no others")
        words = rouge_words(prediction)
        return max(rouge_l(words, reference) for reference in wanted)


class _SacreBleu(QualityMetric):
    """Base of sacrebleu's metrics; several references are taken together as each of them is defined."""

    def __init__(self, **settings: Any) -> None:
        """Raises InputError if sacrebleu isn't installed."""
        try:
            import sacrebleu
        except ImportError:
            raise InputError(
                f'{self.metric} needs sacrebleu, which is not installed. Install it: pip install "harness[metrics]"'
            ) from None
        self._scorer = self.scorer(sacrebleu)
        self._scorer.num_refs = -1  # as sacrebleu writes where their number varies
        self.signature = str(self._scorer.get_signature())
        super().__init__(**settings)

    def scorer(self, sacrebleu: Any) -> Any:
        """The metric of sacrebleu with its settings."""
        raise NotImplementedError

    def score_case(self, prediction: str, references: Sequence[str]) -> float:
        """A hundredth of sacrebleu's sentence score, 0 to 1."""
        return min(float(self._scorer.sentence_score(prediction, list(references)).score) / 100, 1.0)


class Bleu(_SacreBleu):
    """Mean sentence BLEU (Papineni et al. 2002): of n-grams as long as the answer allows, exponentially smoothed.

    An n-gram may be found in any of the references. The mean over cases is not the BLEU of a corpus.
    """

    family = metric = "bleu"

    def scorer(self, sacrebleu: Any) -> Any:
        """BLEU with effective order, without which an answer of three words can't be right."""
        return sacrebleu.BLEU(effective_order=True)


class Chrf(_SacreBleu):
    """Mean sentence chrF2 (Popović 2015) with the nearest reference: n-grams of characters, so for any script."""

    family = metric = "chrf"

    def scorer(self, sacrebleu: Any) -> Any:
        """The settings that sacrebleu has for it."""
        return sacrebleu.CHRF()
