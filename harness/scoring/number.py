"""Whether the final number of an answer is right, as arithmetic tasks are scored."""

import math
from collections.abc import Sequence
from typing import Any, Self

from harness.errors import InputError
from harness.scoring.numbers import Number, final_number
from harness.scoring.quality import Given, QualityMetric, UnscoredError

TOLERANCE = 1e-6


class FinalNumber(QualityMetric):
    """Share of answers whose final number equals that of a reference (see `harness.scoring.numbers`).

    Two numbers are equal if they differ by the tolerance at most: 1e-6, or what the name says, as in number(0.001).
    """

    family = "number"
    form = "number(TOLERANCE)"

    def __init__(self, tolerance: float = TOLERANCE, **settings: Any) -> None:
        """`tolerance` is absolute."""
        self._tolerance = tolerance
        self.metric = "number" if tolerance == TOLERANCE else f"number({tolerance!r})"
        super().__init__(**settings)

    @classmethod
    def of(cls, argument: str | None, given: Given) -> Self:
        """See the class."""
        if argument is None:
            return cls()
        try:
            tolerance = float(argument)
        except ValueError:
            tolerance = math.nan
        if not 0 <= tolerance < math.inf:
            raise InputError(
                f"number({argument}): {argument!r} is no tolerance. Write number, or the largest difference that "
                "still counts as equal, for example number(0.001)."
            )
        return cls(tolerance)

    def answer(self, prediction: str) -> str:
        """The final number as it stands in the answer."""
        return self._final(prediction).text

    def score_case(self, prediction: str, references: Sequence[str]) -> float:
        """1.0 if any reference has the same final number, else 0.0; raises UnscoredError where there is none."""
        found = self._final(prediction)
        wanted = [number for reference in references if (number := final_number(reference))]
        if not wanted:
            raise UnscoredError("there is no number in the references")
        return float(any(found.equals(number, self._tolerance) for number in wanted))

    def _final(self, prediction: str) -> Number:
        number = final_number(prediction)
        if number is None:
            raise UnscoredError("there is no number in the answer")
        return number
