"""Accuracy for multiple choice: the choice that the model finds likeliest is its prediction."""

from collections.abc import Sequence

from harness.scoring.outputs import Output
from harness.scoring.quality import QualityMetric


def chosen(choices: Sequence[str], loglikelihoods: Sequence[float]) -> str:
    """The choice with the highest log-likelihood (summed over its tokens, in nats); the first of equals."""
    best, _ = max(zip(choices, loglikelihoods, strict=True), key=lambda pair: pair[1])
    return best


def is_reference(prediction: str, references: Sequence[str]) -> float:
    """1.0 if the chosen text is among the references, letter by letter, else 0.0."""
    return float(prediction in references)


class Accuracy(QualityMetric):
    """Share of cases for which a right choice was the likeliest."""

    family = metric = "accuracy"
    chooses = True

    def prediction_of(self, output: Output) -> str:
        """The choice with the highest log-likelihood, divided by what `lengths` says."""
        rates = [sum_ / length for sum_, length in zip(output.loglikelihoods, self.lengths(output), strict=True)]
        return chosen(output.choices, rates)

    def lengths(self, output: Output) -> Sequence[int]:
        """What each sum is divided by: here by nothing."""
        return [1] * len(output.choices)

    def score_case(self, prediction: str, references: Sequence[str]) -> float:
        """See `is_reference`."""
        return is_reference(prediction, references)


class AccuracyPerByte(Accuracy):
    """Share of cases for which a right choice was the likeliest per byte (UTF-8, without the space before it).

    The `acc_bytes` of the lm-evaluation-harness; its `acc_norm` divides by characters, which are the same in ASCII.
    """

    family = metric = "accuracy_per_byte"

    def lengths(self, output: Output) -> Sequence[int]:
        """The bytes of each choice."""
        return [len(choice.encode()) for choice in output.choices]


class AccuracyPerToken(Accuracy):
    """Share of cases for which a right choice was the likeliest per token of the model."""

    family = metric = "accuracy_per_token"

    def lengths(self, output: Output) -> Sequence[int]:
        """The tokens of each choice, as many as were scored."""
        return output.choice_tokens
