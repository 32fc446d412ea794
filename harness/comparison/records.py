"""The record that everything later reads: `comparison.json`, and the per-case rows beside it.

Knows nothing of how any of it was computed or will be shown.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

SCHEMA: Literal["harness.comparison/1"] = "harness.comparison/1"
REFERENCE_VARIANT = "base/zero-shot"  # what every other variant is compared with, where it was run

SplitKind = Literal["in-domain", "shifted", "retention"]


def _rounded(number: float) -> float:
    return round(number, 6) + 0.0  # adding 0.0 turns -0.0 into 0.0


Figure = Annotated[float, AfterValidator(_rounded)]
"""A finite number to six decimals, so that a record in memory equals the one read back from its file."""


class Record(BaseModel):
    """Base of all records: immutable; an unknown key is an error, and so is a number that isn't finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False)


class ScoreRow(Record):
    """One number for one case by one metric, or unscored: `value` is None and `reason` says why."""

    variant: str
    split: str
    case: str
    metric: str
    seed: int = 0
    value: Figure | None
    reason: str | None = None

    @model_validator(mode="after")
    def _scored_or_explained(self) -> Self:
        if (self.value is None) == (self.reason is None):
            raise ValueError("a row has either a value or, where it is unscored, a reason")
        return self


class SuiteReference(Record):
    """Which suite was asked, by name and content hash.

    `sources` say whose data it is made of, one sentence each, and `notes` what was mended or left out when it was read.
    """

    name: str
    hash: str
    sources: list[str] = []
    notes: list[str] = []


class BaseReference(Record):
    """Which base model answered, by name, hash of its files, and number of parameters."""

    model: str
    hash: str
    parameters: int


class SplitReference(Record):
    """One test split, how many cases it has, and the metric that decides on it ("": see `primary_metric`)."""

    name: str
    kind: SplitKind
    n: int
    primary: str = ""


class VariantReference(Record):
    """One variant and how many parameters its training changed (0 for the base).

    `after` is the variant that it was trained on top of, in the same context ("" for none), `chosen` what was settled
    by validation, in words.
    """

    name: str
    weights: str
    context: str
    trainable_parameters: int
    after: str = ""
    chosen: str = ""


class Cell(Record):
    """Mean of one metric of one variant on one split, with its 95% bootstrap interval.

    `n` cases were scored and make up the mean; `unscored` further ones are left out of it. `mean`, `low`
    and `high` are None when no case could be scored.
    """

    variant: str
    split: str
    metric: str
    n: int
    unscored: int
    mean: Figure | None
    low: Figure | None
    high: Figure | None


class Pair(Record):
    """The paired difference `a - b`: its 95% interval, p value, p adjusted by Holm, and who wins."""

    a: str
    b: str
    split: str
    metric: str
    difference: Figure
    low: Figure
    high: Figure
    p: Figure
    p_adjusted: Figure
    verdict: Literal["a", "b", "tie"]


class Cost(Record):
    """What one variant costs to build (seconds), to ask (seconds and tokens a query) and to ship (bytes).

    `seconds_per_query` is a case's share of the time of all that were computed with it, which shared their prefixes.
    """

    variant: str
    build_seconds: Figure
    seconds_per_query: Figure
    prompt_tokens_per_query: Figure
    generated_tokens_per_query: Figure
    artifact_bytes: int


class PassageUse(Record):
    """How many passages one variant retrieved for the cases of one split, and how many its prompts had room for.

    `retrieved` and `shown` are means a case; of the `n` cases (one a seed), `short` lost some and `bare` all of them.
    """

    variant: str
    split: str
    n: int
    retrieved: Figure
    shown: Figure
    short: int
    bare: int


class Attribution(Record):
    """What became of the `n` answers of one variant on one split whose evidence is known.

    Wrong answers: the evidence was not retrieved; it was, but the window was too short to show it; it stood in the
    prompt and was misread. Right answers: with the evidence in the prompt, or without. Or unscored.
    """

    variant: str
    split: str
    n: int
    right_with_evidence: int = 0
    right_without_evidence: int = 0
    not_retrieved: int = 0
    dropped: int = 0
    misread: int = 0
    unscored: int = 0


class Mean(Record):
    """A mean score with its 95% interval over cases."""

    value: Figure
    low: Figure
    high: Figure


class Trial(Record):
    """One trial of tuning a recipe: what was set, and how the validation and the retention cases were answered.

    `validation` is None where the trial failed, and `failure` says why; `retention` where there is no such split.
    """

    recipe: str
    number: int
    settings: dict[str, str | int | float | bool | None]
    learning_rate: float
    epochs: int
    validation: Mean | None = None
    retention: Mean | None = None
    seconds: Figure = 0.0
    chosen: bool = False
    failure: str = ""


class Failure(Record):
    """A variant that was asked for and could not be scored, and why."""

    variant: str
    reason: str


class Decision(Record):
    """The recommended variant ("" where none can be), one sentence of verdict, and the checks that led to it."""

    recommended: str
    sentence: str
    reasons: list[str]


class Comparison(Record):
    """Everything that one run concludes; written as `comparison.json`."""

    schema_: Literal["harness.comparison/1"] = Field(default=SCHEMA, alias="schema")
    signature: str
    suite: SuiteReference
    base: BaseReference
    splits: list[SplitReference]
    variants: list[VariantReference]
    cells: list[Cell]
    pairs: list[Pair]
    costs: list[Cost]
    passages: list[PassageUse] = []
    attribution: list[Attribution] = []
    trials: list[Trial] = []
    failures: list[Failure] = []
    decision: Decision
