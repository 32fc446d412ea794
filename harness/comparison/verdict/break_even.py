"""From how many queries on, and up to how many updates of the knowledge, fine-tuning is cheaper than retrieval.

A month costs queries x query + updates x update for either of the two, so they cost the same on a straight line
through zero in the map of queries and updates. What was built first is left out: it is one more update, once, and a
month with an update has it already. Knows nothing of how a query or an update came by its cost.
"""

from collections.abc import Collection, Mapping

from harness.comparison.evidence import Evidence
from harness.comparison.findings.macro import as_mean, paired
from harness.comparison.records.money import BreakEven
from harness.comparison.statistics.bootstrap import Interval, tested_by_student
from harness.comparison.statistics.multiplicity import judge
from harness.comparison.verdict.prices import Running

_BASE = "base"


def cheaper_between(one: Running, other: Running) -> tuple[float | None, float | None]:
    """From and up to how many queries for every update `one` is cheaper than `other`.

    The first is 0 where it begins at none, the second None where it has no end; (None, None) where it never is, or
    where it isn't known what a query costs.
    """
    if one.query is None or other.query is None:
        return None, None
    saved, extra = other.query - one.query, one.update - other.update
    if saved > 0:
        return max(0.0, extra / saved), None
    if extra < 0:
        return 0.0, extra / saved if saved < 0 else None
    return None, None


def break_even(
    evidence: Evidence, means: Mapping[str, Interval], eligible: Collection[str], costs: Mapping[str, Running]
) -> list[BreakEven]:
    """The best retrieving variant with the base's weights against the best fine-tuned one that retrieves nothing.

    Best by its macro mean in `means`, among those that are `eligible` and whose `costs` are known. None where a run
    lacks either. A fine-tuned variant that retrieves is no partner: it pays for the training and for the passages;
    neither is one that was trained elsewhere, since nobody knows what an update of it costs. The scores choose the
    two, so that every such couple is of the family when it is asked which is better.
    """
    queries = {name: cost.query for name, cost in costs.items() if cost.query is not None}
    able = {v.name: v for v in evidence.variants if v.name in eligible and v.name in queries}
    retrieves = {name: variant.context.startswith("rag-") for name, variant in able.items()}
    trained = {name: variant.weights != _BASE for name, variant in able.items()}
    retrieving = [name for name in able if retrieves[name] and not trained[name]]
    known = {name for name, variant in able.items() if variant.trainable_parameters is not None}
    tuned = [name for name in able if trained[name] and not retrieves[name] and name in known]
    if not retrieving or not tuned:
        return []
    best = [max(names, key=lambda name: means[name].value) for names in (retrieving, tuned)]
    return [_between(evidence, best[0], best[1], costs, queries, among=len(retrieving) * len(tuned))]


def _between(
    evidence: Evidence,
    retrieving: str,
    tuned: str,
    costs: Mapping[str, Running],
    queries: Mapping[str, float],
    *,
    among: int,
) -> BreakEven:
    samples = paired(tuned, retrieving, evidence.deciding())
    quantities = [samples] if samples else []
    found = judge(tested_by_student(quantities, evidence.margin), among=among)
    equal = any(one.equal for one in found)
    better = [tuned for one in found if one.better] + [retrieving for one in found if one.worse]
    start, end = cheaper_between(costs[tuned], costs[retrieving])
    turn = start or end
    return BreakEven(
        retrieving=retrieving,
        tuned=tuned,
        unit=costs[tuned].unit,
        retrieving_query=queries[retrieving],
        retrieving_update=costs[retrieving].update,
        tuned_query=queries[tuned],
        tuned_update=costs[tuned].update,
        equal_quality=equal,
        better="" if equal else "".join(better),
        difference=as_mean(found[0]) if found else None,
        queries_from=start,
        queries_to=end,
        updates_per_query=1 / turn if turn else None,
    )
