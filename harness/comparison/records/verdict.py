"""The decision as a record: what is recommended, under which constraints, and every check that led to it."""

from typing import Literal

from harness.comparison.records.base import Mean, Record
from harness.comparison.records.money import Amount


class RequirementCheck(Record):
    """One requirement held against one variant: `met` and `not met` only where the interval lies on one side of it.

    `requirement` is in the user's words, such as `in_domain >= 0.8`. `value` is None where it was not measured, `low`
    and `high` for what has no interval. By `kind` it is a score from 0 to 1, a difference of two, or a cost.
    """

    requirement: str
    variant: str
    kind: Literal["score", "difference", "cost"] = "score"
    value: Amount | None
    low: Amount | None = None
    high: Amount | None = None
    outcome: Literal["met", "not met", "cannot tell"]


class Standing(Record):
    """Where one variant stands by what decides: its macro mean over the deciding splits, each with the same weight.

    `mean` is None where too few of its cases are scored. `excluded` says why a variant can't be recommended, "" where
    it can. On the `frontier` are those that can be and that no other such one beats, as measured, in both quality and
    what a query costs: at least as good for less, or better for no more.
    """

    variant: str
    mean: Mean | None
    excluded: str = ""
    frontier: bool = False


class Decision(Record):
    """The recommended variant ("" where none can be), one sentence of verdict, and the checks that led to it.

    `constraints` are those that the user stated, in words; `requirements` how every variant stands to each of them.
    Of those that could be recommended as well, `ties` are shown to be equal to it within the margin, `beats` are those
    that it is significantly above, and `unknown` those that the data can't tell from it. `would_change` says what would
    change the answer, `cannot_tell` what the data can't answer.
    """

    recommended: str
    sentence: str
    reasons: list[str]
    constraints: list[str] = []
    requirements: list[RequirementCheck] = []
    beats: list[str] = []
    ties: list[str] = []
    unknown: list[str] = []
    would_change: list[str] = []
    cannot_tell: list[str] = []
