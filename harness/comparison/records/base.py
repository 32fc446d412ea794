"""What all records of a comparison have in common. Knows nothing of what they say."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict


def _rounded(number: float) -> float:
    return round(number, 6) + 0.0  # adding 0.0 turns -0.0 into 0.0


Figure = Annotated[float, AfterValidator(_rounded)]
"""A finite number to six decimals, so that a record in memory equals the one read back from its file."""


class Record(BaseModel):
    """Base of all records: immutable; an unknown key is an error, and so is a number that isn't finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False)


class Mean(Record):
    """A mean, or a difference of means, with its 95% interval."""

    value: Figure
    low: Figure
    high: Figure
