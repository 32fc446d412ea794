"""Which settings of a recipe are tried when it is tuned, as its file declares them. Knows no search algorithm."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class SearchRange(BaseModel):
    """The values that one setting may take: from `low` to `high` (evenly in the logarithm if `log`), or `choices`.

    A range between whole numbers yields whole numbers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    choices: tuple[Any, ...] = Field(default=())

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        if self.choices and (self.low is not None or self.high is not None or self.log):
            raise ValueError("give either choices, or low and high")
        if not self.choices:
            if self.low is None or self.high is None:
                raise ValueError("needs low and high, or choices")
            if self.low >= self.high:
                raise ValueError(f"low {self.low} is not below high {self.high}")
            if self.log and self.low <= 0:
                raise ValueError("a logarithmic range begins above 0")
        return self
