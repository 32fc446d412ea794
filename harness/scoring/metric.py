"""The base of the project's own `evaluate.Metric` modules: a number for each case, and their mean."""

from collections.abc import Sequence
from typing import Any, ClassVar

import datasets
import evaluate

_TEXT = datasets.Value("string")


class CaseMetric(evaluate.Metric):  # type: ignore[misc]
    """A metric that is the mean of one number a case; `compute` returns both.

    Predictions are texts and references lists of texts, unless a subclass says otherwise in `prediction`.
    """

    metric: str
    prediction: ClassVar[Any] = _TEXT

    def __init__(self, **settings: Any) -> None:
        """`settings` are those of `evaluate.Metric`; `compute` of no predictions at all raises ValueError."""
        super().__init__(config_name=type(self).__name__, keep_in_memory=True, **settings)

    def _build_data_dir(self) -> str:
        """No folder: what is kept in memory needs none, and evaluate's lies in the home, which may be read-only."""
        return ""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=self.__doc__,
            citation="",
            inputs_description="predictions and lists of references",
            features=datasets.Features({"predictions": self.prediction, "references": datasets.Sequence(_TEXT)}),
        )

    def _compute(self, predictions: Sequence[Any], references: Sequence[Sequence[str]]) -> dict[str, Any]:
        if not predictions:
            raise ValueError(f"{self.metric}: there is nothing to score, so there is no mean")
        values = [self.score_case(p, r) for p, r in zip(predictions, references, strict=True)]
        return {self.metric: sum(values) / len(values), "cases": values}

    def score_case(self, prediction: Any, references: Sequence[str]) -> float:
        """The number of one case; every metric says how it comes about."""
        raise NotImplementedError
