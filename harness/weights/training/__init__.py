"""Training: moves whatever requires gradients in a model, on prompts and completions.

Knows nothing of what the tokens say, of suites or of methods.
"""

from harness.weights.training.examples import IGNORED, Example, LossOn, batches, collate
from harness.weights.training.loop import TrainingRecord, train
from harness.weights.training.settings import TrainingSettings, steps

__all__ = [
    "IGNORED",
    "Example",
    "LossOn",
    "TrainingRecord",
    "TrainingSettings",
    "batches",
    "collate",
    "steps",
    "train",
]
