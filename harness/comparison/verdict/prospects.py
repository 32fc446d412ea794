"""What would change the verdict, in words: other requirements, another use, another margin.

The rule is run again or solved for, nothing is guessed. Names stand bare; who shows the text escapes them.
"""

from collections.abc import Callable, Sequence

from harness.comparison.phrases import amount, percent_interval, points_of
from harness.comparison.records.verdict import RequirementCheck
from harness.comparison.verdict.break_even import cheaper_between
from harness.comparison.verdict.cheapest import works_no_more
from harness.comparison.verdict.choice import Choice
from harness.comparison.verdict.ruling import Ruling
from harness.comparison.verdict.unanswered import cheaper_unknown

_SHOWN = 3  # variants that are told one by one


def would_change(
    ruling: Ruling, again: Callable[[Sequence[RequirementCheck]], Choice], forgetful: Callable[[], Choice]
) -> list[str]:
    """What would change the recommendation.

    `again` chooses under other checks of requirements, `forgetful` without a look at the retention splits.
    """
    found = [*_without_requirements(ruling, again), *_without_retention(ruling, forgetful)]
    return [*found, *_other_use(ruling), *_other_margin(ruling)] if ruling.choice.recommended else found


def _without_requirements(ruling: Ruling, again: Callable[[Sequence[RequirementCheck]], Choice]) -> list[str]:
    """Who would be recommended without each one of the requirements, where that is another one."""
    found = []
    for requirement in ruling.requirements():
        other = again([check for check in ruling.checks if check.requirement != requirement]).recommended
        if other and other != ruling.choice.recommended:
            found.append(f"Without {requirement}: {other}, at {percent_interval(ruling.means[other])}.")
    if ruling.choice.aside:
        other = again([check for check in ruling.checks if check.outcome != "cannot tell"]).recommended
        if other != ruling.choice.recommended:
            mean = percent_interval(ruling.means[other])
            found.append(f"If every requirement were met of which it can't be told: {other}, at {mean}.")
    return found


def _without_retention(ruling: Ruling, forgetful: Callable[[], Choice]) -> list[str]:
    """Who would be recommended if it did not count what the base knew, where that is another one."""
    if ruling.choice.best == ruling.choice.leader:
        return []
    other = forgetful().recommended
    if other == ruling.choice.recommended:
        return []
    return [f"If it did not count what the base knew: {other}, at {percent_interval(ruling.means[other])}."]


def _other_use(ruling: Ruling) -> list[str]:
    """At which use another one of the candidates would be cheaper than the recommended one."""
    recommended, found = ruling.choice.recommended, []
    for other in (v for v in ruling.choice.candidates if v != recommended):
        costs = ruling.evidence.costs
        if other in costs and recommended in costs and not works_no_more(costs[recommended], costs[other]):
            start, end = cheaper_between(ruling.costs[other], ruling.costs[recommended])
            found += _cheaper_use(ruling, other, start, end)
    return found[:_SHOWN]


def _cheaper_use(ruling: Ruling, other: str, start: float | None, end: float | None) -> list[str]:
    turn, side, updates_side = (end, "up to", "more") if end is not None else (start, "from", "fewer")
    if turn is None:
        return []
    if turn == 0 or (ruling.months and ruling.months[other] < ruling.months[ruling.choice.recommended]):
        use = "this use" if ruling.months else "any use"
        return [f"If simplicity did not count: {other}, which costs less to run at {use}, by the clock."]
    if ruling.constraints.volume is None:
        return [
            f"{side.capitalize()} {amount(turn)} queries for every update of the knowledge {other} is cheaper to run."
        ]
    queries, updates = ruling.constraints.volume
    ways = [
        *([f"with {updates_side} than {amount(queries / turn)} updates a month"] if queries else []),
        *([f"{side} {amount(turn * updates)} queries a month"] if updates else []),
    ]
    told = " or ".join(ways)
    return [f"{told[0].upper()}{told[1:]}, {other} would be the cheaper one."] if told else []


def _other_margin(ruling: Ruling) -> list[str]:
    """About which margin would undo the tie that decided, or make one of a simpler variant."""
    choice, found = ruling.choice, []
    if choice.recommended != choice.best:
        tied = choice.beside[choice.recommended]
        least = points_of(max(abs(tied.low), abs(tied.high)))
        found.append(f"With a margin below about {least} the tie would not be shown, and {choice.best} be recommended.")
    for variant in cheaper_unknown(ruling)[:_SHOWN]:
        unknown = choice.beside[variant]
        enough = points_of(max(abs(unknown.low), abs(unknown.high)))
        found.append(
            f"With a margin of about {enough} or more {variant} would tie, and be the simpler and cheaper one."
        )
    return found
