"""What the recommended variant costs, and when fine-tuning is cheaper than retrieval: the checks about cost, in words.

Decides nothing: it reads a `Ruling`. Names stand bare; who shows the text escapes them.
"""

from harness.comparison.phrases import amount, cost, points_interval, points_of, shortened, use
from harness.comparison.records.money import BreakEven
from harness.comparison.statistics.bootstrap import Interval
from harness.comparison.verdict.ruling import Ruling


def cost_reasons(ruling: Ruling) -> list[str]:
    """What was found of costs."""
    recommended = [*_month(ruling), _cost(ruling)] if ruling.choice.recommended else []
    return [*recommended, *(_break_even(ruling, found) for found in ruling.break_even)]


def _month(ruling: Ruling) -> list[str]:
    """What a month of the stated use costs with the recommended one, and with those that it was chosen from."""
    choice, volume = ruling.choice, ruling.constraints.volume
    if ruling.months is None or volume is None:
        return []
    listed = sorted((v for v in choice.candidates if v in ruling.months), key=ruling.months.__getitem__)
    told = shortened([f"{v} {cost(ruling.months[v], ruling.costs[v].unit)}" for v in listed])
    return [f"What {use(*volume)} cost: {told}."] if told else []


def _cost(ruling: Ruling) -> str:
    recommended = ruling.choice.recommended
    trained = next(v.trainable_parameters for v in ruling.evidence.variants if v.name == recommended)
    training = (
        "trained elsewhere" if trained is None else f"{trained:,} parameters trained" if trained else "nothing trained"
    )
    measured = ruling.evidence.costs.get(recommended)
    if measured is None:
        return f"Cost of {recommended}: {training}; nothing more is known."
    seconds, tokens = measured.seconds_per_query, measured.prompt_tokens_per_query
    told = f"Cost of {recommended}: {training}, {measured.build_seconds:.1f} s to build"
    if seconds is None or tokens is None:
        return f"{told}; what a query takes isn't known."
    return f"{told}, {1000 * seconds:.1f} ms and {tokens:.0f} prompt tokens a query."


def _break_even(ruling: Ruling, found: BreakEven) -> str:
    """When the fine-tuned variant is the cheaper one, and whether that may decide."""
    tuned, retrieving = found.tuned, found.retrieving
    if found.queries_from is None:
        when = f"{tuned} is never cheaper than {retrieving}"
    elif found.queries_to is not None:
        when = f"{tuned} is cheaper than {retrieving} up to {amount(found.queries_to)} queries for every update"
    elif found.queries_from > 0:
        when = f"{tuned} is cheaper than {retrieving} from {amount(found.queries_from)} queries for every update on"
    else:
        when = f"{tuned} is always cheaper than {retrieving}"
    queries = (1000 * found.tuned_query, 1000 * found.retrieving_query)
    updates = (found.tuned_update, found.retrieving_update)
    of_queries, of_updates = (" against ".join(cost(one, found.unit) for one in two) for two in (queries, updates))
    figures = f"{of_queries} for 1,000 queries, {of_updates} for an update of the knowledge"
    return f"Break-even: {when} ({figures}); {_quality(ruling, found)}."


def _quality(ruling: Ruling, found: BreakEven) -> str:
    if found.difference is None:
        return "they have no cases in common"
    gap = points_interval(Interval(found.difference.value, found.difference.low, found.difference.high))
    if found.equal_quality:
        return f"they are equally good within {points_of(ruling.evidence.margin)}, at {gap}"
    told = f"{found.better} is significantly better" if found.better else "it can't be told which is better"
    at = f"at {gap}" if found.better == found.tuned else f"{found.tuned} being at {gap}"
    return f"{told}, {at}, so this does not decide"
