"""Accuracy for multiple choice: the choice that the model finds likeliest is its prediction."""

from collections.abc import Sequence

from harness.scoring.metric import CaseMetric


def chosen(choices: Sequence[str], loglikelihoods: Sequence[float]) -> str:
    """The choice with the highest log-likelihood (summed over its tokens, in nats); the first of equals."""
    best, _ = max(zip(choices, loglikelihoods, strict=True), key=lambda pair: pair[1])
    return best


def is_reference(prediction: str, references: Sequence[str]) -> float:
    """1.0 if the chosen text is among the references, letter by letter, else 0.0."""
    return float(prediction in references)


class Accuracy(CaseMetric):
    """Share of cases for which a right choice was the likeliest."""

    metric = "accuracy"

    def score_case(self, prediction: str, references: Sequence[str]) -> float:
        """See `is_reference`."""
        return is_reference(prediction, references)
