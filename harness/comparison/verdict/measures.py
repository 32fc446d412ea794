"""What requirements speak of, measured: one figure for each name and variant, and whether it meets the limit.

The names stand in `constraints`. What has an interval in the comparison comes with that interval.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.comparison.evidence import Evidence
from harness.comparison.findings.macro import as_mean, paired
from harness.comparison.records.base import Mean
from harness.comparison.records.comparison import REFERENCE_VARIANT, Cell
from harness.comparison.records.conclusions import Drop
from harness.comparison.records.money import Prices
from harness.comparison.records.verdict import RequirementCheck
from harness.comparison.statistics.bootstrap import Interval, differences
from harness.comparison.verdict.constraints import (
    COSTS,
    QUALITY,
    RETENTION_DROP,
    Constraints,
    known_names,
    parse_requirements,
)
from harness.comparison.verdict.prices import months_of, price, running

Measured = dict[str, dict[str, Mean | float]]


@dataclass(frozen=True)
class Findings:
    """What a comparison has found of its variants: macro means over the deciding splits, cells, drops and prices."""

    means: Mapping[str, Interval]
    cells: Sequence[Cell]
    drops: Sequence[Drop]
    prices: Prices | None


def check(constraints: Constraints, evidence: Evidence, findings: Findings) -> list[RequirementCheck]:
    """Every requirement held against every variant; raises InputError that tells all mistakes in the requirements."""
    metrics: dict[str, list[str]] = defaultdict(list)
    for split, metric in evidence.tables:
        metrics[split].append(metric)
    names = known_names(
        evidence.splits, metrics, priced=findings.prices is not None, volume=constraints.volume is not None
    )
    requirements = parse_requirements(constraints.requirements, names)
    measured = _measured(evidence, findings, constraints) if requirements else {}
    checks = []
    for requirement in requirements:
        for variant in evidence.variants:
            found = measured.get(requirement.name, {}).get(variant.name)
            interval = found if isinstance(found, Mean) else None
            checks.append(
                RequirementCheck(
                    requirement=requirement.text,
                    variant=variant.name,
                    kind=requirement.kind,
                    value=found.value if isinstance(found, Mean) else found,
                    low=interval.low if interval else None,
                    high=interval.high if interval else None,
                    outcome=requirement.outcome(found),
                )
            )
    return checks


def _measured(evidence: Evidence, findings: Findings, constraints: Constraints) -> Measured:
    """By name, then variant; what was not measured is left out. A split goes before anything else of its name."""
    found: Measured = {**_costs(evidence), **_money(evidence, findings.prices, constraints)}
    found[QUALITY] = {variant: as_mean(mean) for variant, mean in findings.means.items()}
    found[RETENTION_DROP] = _retention_drops(evidence)
    for drop in findings.drops:
        found.setdefault(f"{drop.split}_drop", {})[drop.variant] = drop.drop
    for cell in findings.cells:
        if cell.mean is not None and cell.low is not None and cell.high is not None:
            mean = Mean(value=cell.mean, low=cell.low, high=cell.high)
            found.setdefault(f"{cell.split}.{cell.metric}", {})[cell.variant] = mean
    return found | {split: found.get(f"{split}.{metric}", {}) for split, metric in evidence.primary.items()}


def _costs(evidence: Evidence) -> Measured:
    values = {name: {v: getattr(cost, field) for v, cost in evidence.costs.items()} for name, field in COSTS.items()}
    return {name: {v: value for v, value in found.items() if value is not None} for name, found in values.items()}


def _money(evidence: Evidence, prices: Prices | None, constraints: Constraints) -> Measured:
    if prices is None:
        return {}
    priced = price(evidence.costs.values(), prices)
    months: dict[str, Mean | float] = {}
    if constraints.volume is not None:
        costs = {v: running(cost, prices) for v, cost in evidence.costs.items()}
        months.update(months_of(costs, constraints.volume))
    return {
        "build_price": {one.variant: one.build for one in priced},
        "thousand_queries_price": {
            one.variant: one.thousand_queries for one in priced if one.thousand_queries is not None
        },
        "update_price": {one.variant: one.update for one in priced},
        "month_price": months,
    }


def _retention_drops(evidence: Evidence) -> dict[str, Mean | float]:
    """By how much each variant falls below `base/zero-shot`, averaged over the retention splits, paired by case.

    `base/zero-shot` itself falls by nothing, for certain.
    """
    tables = evidence.of_kind("retention")
    names = [variant.name for variant in evidence.variants if variant.name != REFERENCE_VARIANT]
    samples = {variant: found for variant in names if (found := paired(REFERENCE_VARIANT, variant, tables))}
    fallen = zip(samples, differences(list(samples.values()), margin=evidence.margin), strict=True)
    none = (
        {REFERENCE_VARIANT: Mean(value=0, low=0, high=0)}
        if paired(REFERENCE_VARIANT, REFERENCE_VARIANT, tables)
        else {}
    )
    return {**none, **{variant: as_mean(drop) for variant, drop in fallen}}
