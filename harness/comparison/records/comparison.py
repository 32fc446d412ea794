"""The record that everything later reads: `comparison.json` and `costs.json`. The rows beside them stand in `rows`.

Knows nothing of how any of it was computed or will be shown.
"""

from typing import Literal

from pydantic import Field

from harness.comparison.records.base import Figure, Mean, Record
from harness.comparison.records.clocked import Clocked
from harness.comparison.records.conclusions import (
    Agreement,
    AlphaPath,
    Drop,
    Forgetting,
    Router,
    ShiftLine,
    Staleness,
)

SCHEMA: Literal["harness.comparison/3"] = "harness.comparison/3"
REFERENCE_VARIANT = "base/zero-shot"  # what every other variant is compared with, where it was run

SplitKind = Literal["in-domain", "shifted", "retention"]
Test = Literal["mcnemar", "permutation", "bootstrap"]


class SuiteReference(Record):
    """Which suite was asked, by name and content hash; `template` is the hash of its prompts' wording.

    `sources` say whose data it is made of, one sentence each, and `notes` what was mended or left out when it was read.
    """

    name: str
    hash: str
    template: str = ""
    sources: list[str] = []
    notes: list[str] = []


class BaseReference(Record):
    """Which base model answered, by name, hash of its files, and number of parameters.

    Of a model behind a server `hash` is of its name and the server's address, and `parameters` isn't known (None).
    """

    model: str
    hash: str
    parameters: int | None

    @property
    def size(self) -> str:
        """How large it is, in words."""
        return "unknown size" if self.parameters is None else f"{self.parameters:,} parameters"


class SplitReference(Record):
    """One test split, how many cases it has, and the metric that decides on it ("": see `primary_metric`)."""

    name: str
    kind: SplitKind
    n: int
    primary: str = ""


class VariantReference(Record):
    """One variant and how many parameters its training changed (0 for the base; None: trained elsewhere, unknown).

    `after` is the variant that it was trained on top of, in the same context ("" for none), `chosen` what was settled
    by validation, in words.
    """

    name: str
    weights: str
    context: str
    trainable_parameters: int | None
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
    """The paired difference `a - b` over the `n` cases that both have scored, and what may be said of it.

    `low` to `high` is its 95% interval. `p` is that of `test`: "there is no difference", or where that is below 0.05
    and the interval holds 0, the interval's own; `p_adjusted` is Holm's over all couples of variants with that split
    and metric, `q` Benjamini and Hochberg's over all pairs of the comparison.
    `p_equivalent` is that of "the difference is the margin or more", two one-sided tests, Holm's over the pairs of that
    split and metric. `detectable` is the smallest difference that as many cases, as discordant as these, would show
    with 80% power after the first correction (None where not even the largest, or where the groups are too few to say).
    The verdict names who is significantly better; else it is a tie where equivalence is shown, and unknown where
    neither is.
    """

    a: str
    b: str
    split: str
    metric: str
    n: int
    difference: Figure
    low: Figure
    high: Figure
    test: Test
    p: Figure
    p_adjusted: Figure
    q: Figure
    p_equivalent: Figure
    detectable: Figure | None
    verdict: Literal["a", "b", "tie", "unknown"]


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


class Trial(Record):
    """One trial of tuning a recipe: what was set, and how the validation and the retention cases were answered.

    `validation` is None where the trial failed, and `failure` says why; `retention` where there is no such split.
    `seconds` is what it took, which `costs.json` holds.
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


class Repeatable(Record):
    """What one run concludes from its scores, as `comparison.json` holds it: the same request gives the same bytes.

    `metrics` tells, by name, what the numbers of a metric depend on; `margin` below which a difference counts as none,
    0 to 1.
    """

    schema_: Literal["harness.comparison/3"] = Field(default=SCHEMA, alias="schema")
    signature: str
    suite: SuiteReference
    base: BaseReference
    splits: list[SplitReference]
    variants: list[VariantReference]
    metrics: dict[str, str] = {}
    margin: Figure
    cells: list[Cell]
    pairs: list[Pair]
    drops: list[Drop] = []
    shift_lines: list[ShiftLine] = []
    forgetting: list[Forgetting] = []
    alpha_paths: list[AlphaPath] = []
    staleness: list[Staleness] = []
    agreement: list[Agreement] = []
    routers: list[Router] = []
    passages: list[PassageUse] = []
    attribution: list[Attribution] = []
    trials: list[Trial] = []
    failures: list[Failure] = []


class Comparison(Clocked, Repeatable):
    """Everything that one run concludes: written as `comparison.json` and, where the clock has a part, `costs.json`."""
