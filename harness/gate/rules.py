"""What a gate tolerates: rules over variants, splits and metrics. Knows nothing of runs.

Every rule draws two lines. A run fails where it is *shown* to have lost more than `max_drop`, and passes where it is
*shown* to have lost less than `margin`. Where neither is shown, nobody can tell.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from harness._settings import read_yaml, validate
from harness.comparison import ALPHA, write_text

PRIMARY = "primary"


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _some(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if not values:
        raise ValueError("has nothing in it, so it would demand nothing")
    return values


Patterns = Annotated[tuple[str, ...], BeforeValidator(_listed), AfterValidator(_some)]
Share = Annotated[float, Field(gt=0, lt=1)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Rule(_Settings):
    """What is demanded of all that its patterns match; scores and differences run from 0 to 1.

    variants, splits, metrics: names with `*`, `?` and `[…]`; one that begins with `!` leaves out what it matches. A
        split is matched by its name or its kind. The metric `primary` is the one that decides on a split.
    mean: check the mean over the matched splits, each with the same weight, instead of each split.
    margin: non-inferiority: passes what is shown, at `alpha`, to have lost less than this.
    max_drop: the largest allowed drop: fails what is shown, at `alpha` after Holm's correction over all checks of the
        gate, to have lost more. Default: 0 beside a margin, so that any fall that is shown fails. Without a margin
        less than `max_drop` must be shown to be lost.
    floor: passes what is shown, at `alpha`, to lie above this score, fails what is shown to lie below.
    alpha: 0.01 to 0.5. The least p that `bounds` can find is, after Holm's correction, just under 0.01: with less, no
        fall could ever be shown.
    """

    variants: Patterns = ("*",)
    splits: Patterns = ("*",)
    metrics: Patterns = (PRIMARY,)
    mean: bool = False
    margin: Share | None = None
    max_drop: Annotated[float, Field(ge=0, lt=1)] | None = None
    floor: Share | None = None
    alpha: Annotated[float, Field(ge=0.01, le=0.5)] = ALPHA

    @model_validator(mode="after")
    def _demands_something(self) -> Self:
        if self.margin is None and self.max_drop is None and self.floor is None:
            raise ValueError("demands nothing: give margin, max_drop or floor")
        if self.max_drop == 0 and self.margin is None:
            raise ValueError("max_drop: 0 needs a margin: no number of cases shows that nothing at all was lost")
        if (self.max_drop or 0) > (self.margin or 1):
            raise ValueError(f"max_drop: {self.max_drop} is above margin: {self.margin}, so a run could pass and fail")
        return self

    @property
    def least_fall(self) -> float | None:
        """More than this must not be shown to be lost; None where the rule knows only a floor."""
        return self.max_drop if self.max_drop is not None else None if self.margin is None else 0.0

    @property
    def most_fall(self) -> float | None:
        """Less than this must be shown to be lost; None where the rule knows only a floor."""
        return self.margin if self.margin is not None else self.max_drop


class Rules(_Settings):
    """All that a gate tolerates.

    The default asks two things. Of each variant's mean over all splits, where a run has the cases to tell: that it lost
    less than three points. Of every single split: that no fall is shown and that a collapse would have been.

    unscored_rise: by how much the share of unscored cases (0 to 1) of a variant may rise on a split.
    accept: what may differ from the baseline, as `--accept` takes it.
    """

    rules: Annotated[tuple[Rule, ...], AfterValidator(_some)] = (Rule(mean=True, margin=0.03), Rule(margin=0.15))
    unscored_rise: Annotated[float, Field(ge=0, le=1)] = 0.02
    accept: tuple[str, ...] = ()


def read_rules(path: Path) -> Rules:
    """The rules of a YAML file; raises InputError with all mistakes at once."""
    return validate(read_yaml(path), Rules, place=str(path))


def write_rules(rules: Rules, path: Path) -> Path:
    """Write `rules` as the YAML file that `read_rules` reads."""
    content = rules.model_dump(mode="json", exclude_none=True)
    return write_text(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def matches(patterns: Iterable[str], *names: str) -> bool:
    """Whether one of `names` matches a pattern, and none a pattern that begins with `!`."""
    wanted = [pattern for pattern in patterns if not pattern.startswith("!")] or ["*"]
    unwanted = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    found, left_out = (
        any(fnmatchcase(name, pattern) for name in names for pattern in some) for some in (wanted, unwanted)
    )
    return found and not left_out
