"""The base of the metrics that a suite may ask for by name: they judge answers, or say why one can't be judged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError
from harness.scoring.metric import CaseMetric
from harness.scoring.outputs import Output

Embed = Callable[[Sequence[str]], NDArray[np.float32]]


class UnscoredError(Exception):
    """An answer can't be judged by a metric; the message is the reason that its score shows."""


@dataclass(frozen=True)
class Given:
    """What metrics may use of the caller's.

    `embed` turns texts into unit vectors `(texts, dimension) float32`, and `embedder` says which model does; `trusted`
    are the evaluate modules whose code may be loaded and run, as names of metrics name them.
    """

    embed: Embed | None = None
    trusted: tuple[str, ...] = ()
    embedder: str = ""


class QualityMetric(CaseMetric):
    """A metric with a name, `FAMILY` or `FAMILY(ARGUMENT)`, whose values lie between 0 and 1: more is better.

    `form` is how the name is written, where it takes an argument; `chooses` says whether it judges choices rather than
    written answers; `signature` is what its numbers depend on beside the harness: library, version, settings.
    """

    family: ClassVar[str]
    form: ClassVar[str] = ""
    chooses: ClassVar[bool] = False
    signature: str = ""

    @classmethod
    def of(cls, argument: str | None, given: Given) -> Self:
        """The metric with the `argument` of its name (None if there is none); raises InputError."""
        if argument is not None:
            raise InputError(f"{cls.family}({argument}): {cls.family} takes no argument. Write {cls.family}.")
        return cls()

    def prediction_of(self, output: Output) -> str:
        """What is judged of an `output` that can be scored."""
        return output.text or ""

    def answer(self, prediction: str) -> str:
        """The part of `prediction` that is the answer; raises UnscoredError if it can't be found."""
        return prediction

    def judge(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Sequence[float | UnscoredError]:
        """A number for each prediction, the best over its references, or why there is none."""
        return [self._judge(p, r) for p, r in zip(predictions, references, strict=True)]

    def _judge(self, prediction: str, references: Sequence[str]) -> float | UnscoredError:
        try:
            return self.score_case(prediction, references)
        except UnscoredError as error:
            return error

    def _compute(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, Any]:
        """The mean over the cases that have a number (None if none has), and `cases` and `reasons` by case."""
        if not predictions:
            raise ValueError(f"{self.metric}: there is nothing to score, so there is no mean")
        judged = self.judge(predictions, references)
        values = [None if isinstance(one, UnscoredError) else one for one in judged]
        scored = [value for value in values if value is not None]
        return {
            self.metric: fmean(scored) if scored else None,
            "cases": values,
            "reasons": [str(one) if isinstance(one, UnscoredError) else None for one in judged],
        }
