"""Which of several equally good variants is to be taken: the cheapest at the stated use, and of those the simplest.

As cheap as the cheapest is who costs up to a tenth more, and who does no more work, since then only the clock makes it
dearer. Knows nothing of quality.
"""

from collections.abc import Mapping, Sequence

from harness.comparison.evidence import Evidence
from harness.comparison.records.money import Cost
from harness.comparison.statistics.bootstrap import Interval

AS_CHEAP = 1.1  # times the least cost: the clock that measured it is no more exact
_WORK = ("flops_per_query", "prompt_tokens_per_query", "generated_tokens_per_query", "index_seconds", "train_seconds")


def cheapest(
    evidence: Evidence, variants: Sequence[str], means: Mapping[str, Interval], months: Mapping[str, float] | None
) -> str:
    """The simplest of those `variants` that are as cheap as the cheapest; of all, where no use was stated.

    `means` are their macro means, `months` what a month of the stated use costs with each.
    """
    costs = {variant: months[variant] for variant in variants if months and variant in months}
    as_cheap = list(variants)
    if costs:
        least = min(costs, key=lambda variant: costs[variant])
        as_cheap = [
            variant
            for variant in costs
            if costs[variant] <= AS_CHEAP * costs[least]
            or works_no_more(evidence.costs[variant], evidence.costs[least])
        ]
    return min(as_cheap, key=lambda variant: simplicity(evidence, variant, means[variant].value))


def simplicity(evidence: Evidence, variant: str, mean: float) -> tuple[bool, float, float, float]:
    """A sort key, least first: nothing trained before trained, then seconds to build, then tokens a query.

    Tokens and not seconds, since the clock's noise must not choose between variants that compute the same; both count
    to two significant digits. What is equal up to there goes to the higher mean. A variant without known costs, or
    of which no query was answered, comes last of its kind.
    """
    trained = any(v.name == variant and v.trainable_parameters != 0 for v in evidence.variants)
    cost = evidence.costs.get(variant)
    if cost is None or cost.prompt_tokens_per_query is None or cost.generated_tokens_per_query is None:
        return trained, float("inf"), float("inf"), -mean
    tokens = cost.prompt_tokens_per_query + cost.generated_tokens_per_query
    return trained, float(f"{cost.build_seconds:.2g}"), float(f"{tokens:.2g}"), -mean


def works_no_more(one: Cost, other: Cost) -> bool:
    """Whether `one` does at most a tenth more work than `other` for a query and an update, in every part of it."""
    parts = [(getattr(one, name), getattr(other, name)) for name in _WORK]
    return all(a is not None and b is not None and a <= AS_CHEAP * b for a, b in parts)
