"""The whole verdict from what a comparison has found, under the constraints that the user states.

One function for a run that was just scored and for one that is read back from its files, so that both agree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.comparison.evidence import Evidence
from harness.comparison.metrics import primary_metrics
from harness.comparison.phrases import use
from harness.comparison.records.comparison import Cell, Comparison
from harness.comparison.records.conclusions import Drop
from harness.comparison.records.money import BreakEven, Price, Prices
from harness.comparison.records.rows import ScoreRow
from harness.comparison.records.verdict import Decision, RequirementCheck, Standing
from harness.comparison.table import tabulate
from harness.comparison.verdict.break_even import break_even
from harness.comparison.verdict.choice import Choice, choose, macro_means
from harness.comparison.verdict.constraints import Constraints
from harness.comparison.verdict.frontier import standings
from harness.comparison.verdict.measures import Findings, check
from harness.comparison.verdict.prices import months_of, price, running
from harness.comparison.verdict.prospects import would_change
from harness.comparison.verdict.reasons import reasons
from harness.comparison.verdict.ruling import Ruling
from harness.comparison.verdict.sentence import sentence
from harness.comparison.verdict.unanswered import cannot_tell
from harness.errors import InputError


@dataclass(frozen=True)
class Verdict:
    """What is decided, as the fields of a `Comparison` with these names."""

    prices: Prices | None
    priced: list[Price]
    break_even: list[BreakEven]
    standings: list[Standing]
    decision: Decision


def decide(
    evidence: Evidence,
    cells: Sequence[Cell],
    drops: Sequence[Drop] = (),
    *,
    constraints: Constraints | None = None,
    prices: Prices | None = None,
) -> Verdict:
    """The verdict on `evidence`; `cells` and `drops` are what the comparison has found of it.

    Raises InputError that tells all mistakes in the requirements.
    """
    constraints = constraints or Constraints()
    means, unscored = macro_means(evidence)
    checks = check(constraints, evidence, Findings(means, cells, drops, prices))
    costs = {variant: running(cost, prices) for variant, cost in evidence.costs.items()}
    volume = constraints.volume
    months = months_of(costs, volume) if volume else None

    def under(some: Sequence[RequirementCheck]) -> Choice:
        return choose(evidence, means, unscored, some, months)

    def forgetful() -> Choice:
        others = [split for split in evidence.splits if split.kind != "retention"]
        return choose(replace(evidence, splits=others), means, unscored, checks, months)

    choice = under(checks)
    able = [*choice.eligible, *choice.doubtful]
    even = break_even(evidence, means, able, costs)
    ruling = Ruling(evidence, cells, constraints, checks, means, costs, months, even, choice)
    return Verdict(
        prices=prices,
        priced=price(evidence.costs.values(), prices) if prices else [],
        break_even=even,
        standings=standings(evidence, means, _not_recommended(choice), costs),
        decision=Decision(
            recommended=choice.recommended,
            sentence=sentence(ruling),
            reasons=reasons(ruling),
            constraints=[*ruling.requirements(), *([use(*volume)] if volume else [])],
            requirements=checks,
            beats=[variant for variant, one in choice.against.items() if one.worse and not one.equal],
            ties=[variant for variant, one in choice.against.items() if one.equal],
            unknown=[variant for variant, one in choice.against.items() if not one.equal and not one.worse],
            would_change=would_change(ruling, under, forgetful),
            cannot_tell=cannot_tell(ruling),
        ),
    )


def _not_recommended(choice: Choice) -> dict[str, str]:
    """Why each variant that could not be recommended couldn't be, those that stood back among them."""
    return choice.excluded | dict.fromkeys(choice.aside, "it can't be told whether all requirements are met")


def redecide(
    comparison: Comparison,
    rows: Sequence[ScoreRow],
    groups: Mapping[tuple[str, str], str],
    *,
    constraints: Constraints | None = None,
    prices: Prices | None = None,
) -> Comparison:
    """`comparison` with the verdict under other `constraints` and `prices`, from its own records and score `rows`.

    `groups` names the group of a case by (split, case). Raises InputError if the rows are those of another run, and for
    requirements that name what there isn't.
    """
    places = {variant.name: place for place, variant in enumerate(comparison.variants)}
    if strange := sorted({row.variant for row in rows} - set(places)):
        raise InputError(
            f"the scores name {', '.join(strange)}, which the comparison doesn't list, so they belong to another run. "
            "Give the folder of a finished run, or run harness compare again."
        )
    ordered = sorted(rows, key=lambda row: places[row.variant])
    evidence = Evidence(
        tables=tabulate(ordered, groups),
        primary=primary_metrics(comparison.cells, comparison.splits),
        splits=comparison.splits,
        variants=comparison.variants,
        costs={cost.variant: cost for cost in comparison.costs},
        margin=comparison.margin,
    )
    verdict = decide(evidence, comparison.cells, comparison.drops, constraints=constraints, prices=prices)
    return comparison.model_copy(update=vars(verdict))
