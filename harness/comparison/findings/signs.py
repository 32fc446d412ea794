"""Effects that the field has measured, held against scores: reproduced, not reproduced, or cannot tell.

A claim is that a signed sum of means lies above a stated number; it is reproduced only where that is significant after
correction over the claims of all signs. Knows nothing of which variants and splits a claim is about.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from harness.comparison.records.base import Figure, Mean, Record
from harness.comparison.statistics.bootstrap import Difference, differences, resamples_for
from harness.comparison.statistics.multiplicity import Judged, judge
from harness.comparison.statistics.samples import Quantity, Sample

SCHEMA = "harness.selfcheck/1"

Outcome = Literal["reproduced", "not reproduced", "cannot tell"]


@dataclass(frozen=True, eq=False)
class Claim:
    """The means of `samples`, times their `weights`, are said to add up to more than `above`; scores run from 0 to 1.

    A claim without samples, or with an empty one, can't be tested.
    """

    says: str
    samples: Quantity
    weights: Sequence[float]
    above: float = 0.0

    @property
    def testable(self) -> bool:
        """Whether there are scores to test it by."""
        return bool(self.samples) and all(len(sample) for sample in self.samples)

    def excess(self, resamples: int) -> Difference:
        """By how much the sum exceeds `above`; its p values are those of "it is `above`"."""
        first, *others = self.samples
        lowered = Sample(first.values - self.above / self.weights[0], first.groups)
        return differences([[lowered, *others]], weights=self.weights, resamples=resamples)[0]


@dataclass(frozen=True)
class Sign:
    """One effect: what is said, by whom, what they `measured`, and the claims by which it is tested here.

    It is reproduced where all of its claims are, or with `any_claim` (what *can* happen) where one is. `untold` says
    what these claims leave open.
    """

    number: int
    says: str
    source: str
    measured: str
    claims: tuple[Claim, ...]
    untold: str
    any_claim: bool = False


class ClaimOutcome(Record):
    """What became of one claim: the sum of means, what it was said to lie above, and over how many cases and seeds.

    `found` and `p_adjusted` are None for what could not be tested.
    """

    says: str
    above: Figure
    found: Mean | None
    cases: int
    seeds: int
    p_adjusted: Figure | None
    outcome: Outcome


class SignOutcome(Record):
    """What became of one sign."""

    number: int
    says: str
    source: str
    measured: str
    any_claim: bool
    outcome: Outcome
    claims: list[ClaimOutcome]
    untold: str


class SelfCheck(Record):
    """All signs, by runs of so many `seeds`; `runs` are their folders with their signatures, `failures` what failed."""

    schema_: str = Field(default=SCHEMA, alias="schema")
    seeds: int
    runs: dict[str, str]
    failures: list[str]
    signs: list[SignOutcome]


def judge_signs(signs: Sequence[Sign]) -> list[SignOutcome]:
    """What the scores say to each sign; the claims of all of them are one family for Holm's correction."""
    family = [claim for sign in signs for claim in sign.claims if claim.testable]
    resamples = resamples_for(len(family))
    judged = dict(zip(family, judge([claim.excess(resamples) for claim in family]), strict=True))
    return [_sign(sign, [_claim(claim, judged.get(claim)) for claim in sign.claims]) for sign in signs]


def _claim(claim: Claim, excess: Judged | None) -> ClaimOutcome:
    found = None
    if excess is not None:
        value, low, high = (bound + claim.above for bound in (excess.value, excess.low, excess.high))
        found = Mean(value=value, low=low, high=high)
    return ClaimOutcome(
        says=claim.says,
        above=claim.above,
        found=found,
        cases=sum(len(sample) for sample in claim.samples),
        seeds=max((sample.seeds for sample in claim.samples), default=0),
        p_adjusted=None if excess is None else excess.p_adjusted,
        outcome="cannot tell" if excess is None else _outcome(excess, no_difference=claim.above == 0),
    )


def _outcome(excess: Judged, *, no_difference: bool) -> Outcome:
    """`no_difference`: what is to be exceeded is no difference at all, so that a tie is the opposite of the claim."""
    if excess.better:
        return "reproduced"
    return "not reproduced" if excess.worse or (no_difference and excess.equal) else "cannot tell"


def _sign(sign: Sign, claims: list[ClaimOutcome]) -> SignOutcome:
    return SignOutcome(
        number=sign.number,
        says=sign.says,
        source=sign.source,
        measured=sign.measured,
        any_claim=sign.any_claim,
        outcome=_together({claim.outcome for claim in claims}, any_claim=sign.any_claim),
        claims=claims,
        untold=sign.untold,
    )


def _together(outcomes: set[Outcome], *, any_claim: bool) -> Outcome:
    """The outcome of a sign with claims of these `outcomes`."""
    enough: Outcome = "reproduced" if any_claim else "not reproduced"
    if enough in outcomes:
        return enough
    return outcomes.pop() if len(outcomes) == 1 else "cannot tell"
