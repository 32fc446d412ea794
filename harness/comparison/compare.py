"""Rows in, comparison out: cells, pairs and the decision. Knows nothing of files, and of how it is shown."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from harness.comparison.evidence import Evidence
from harness.comparison.findings.agreement import agreement
from harness.comparison.findings.attribution import attribute
from harness.comparison.findings.forgetting import forgetting
from harness.comparison.findings.interpolation import alpha_paths
from harness.comparison.findings.pairs import paired_differences
from harness.comparison.findings.router import routers
from harness.comparison.findings.shift import shift
from harness.comparison.findings.staleness import staleness
from harness.comparison.metrics import primary_metrics
from harness.comparison.records.base import Mean
from harness.comparison.records.comparison import (
    Attribution,
    BaseReference,
    Cell,
    Comparison,
    Failure,
    Pair,
    PassageUse,
    SplitReference,
    SuiteReference,
    Trial,
    VariantReference,
)
from harness.comparison.records.money import Cost, Prices
from harness.comparison.records.rows import ScoreRow
from harness.comparison.statistics.bootstrap import MARGIN, mean_intervals
from harness.comparison.table import ScoreTable, Tables, tabulate
from harness.comparison.verdict.constraints import Constraints
from harness.comparison.verdict.decide import decide
from harness.errors import InputError

AnyFound = TypeVar("AnyFound", PassageUse, Attribution)


def compare(
    rows: Sequence[ScoreRow],
    *,
    suite: SuiteReference,
    base: BaseReference,
    splits: Sequence[SplitReference],
    variants: Sequence[VariantReference],
    costs: Sequence[Cost],
    signature: str,
    paired_metrics: Collection[str],
    metrics: Mapping[str, str] | None = None,
    groups: Mapping[tuple[str, str], str] | None = None,
    margin: float = MARGIN,
    validation: Mapping[str, Mean] | None = None,
    constraints: Constraints | None = None,
    prices: Prices | None = None,
    passages: Sequence[PassageUse] = (),
    trials: Sequence[Trial] = (),
    failures: Sequence[Failure] = (),
) -> Comparison:
    """What the score `rows` of one run conclude.

    Every metric in `rows` gets cells; only `paired_metrics`, for which higher is better, get pairs. Where a split
    doesn't name its primary metric, `primary_metric` does. `groups` names the group of a case by (split, case), see
    `CaseRow`; differences below `margin` count as none. `validation` has the scores by which an alpha may be chosen, by
    variant; `constraints` are what the user asks of the recommended one. The result doesn't depend on the order of
    `rows`. Raises InputError if rows name a variant or split that isn't listed, or score one thing twice, and for
    requirements that name what there isn't.
    """
    places = {variant.name: place for place, variant in enumerate(variants)}
    _check_names(rows, places, {split.name for split in splits})
    tables = _ordered(tabulate(sorted(rows, key=lambda row: places[row.variant]), groups), splits)
    cells = [cell for table in tables.values() for cell in _cells(table)]
    primary = primary_metrics(cells, splits)
    evidence = Evidence(
        tables=tables,
        primary=primary,
        splits=splits,
        variants=variants,
        costs={cost.variant: cost for cost in costs},
        margin=margin,
    )
    pairs = _pairs(tables, paired_metrics, {v.name: v.after for v in variants if v.after}, margin)
    drops, lines = shift(evidence)
    verdict = decide(evidence, cells, drops, constraints=constraints, prices=prices)
    return Comparison(
        signature=signature,
        suite=suite,
        base=base,
        splits=list(splits),
        variants=list(variants),
        metrics=dict(metrics or {}),
        margin=margin,
        cells=cells,
        pairs=pairs,
        drops=drops,
        shift_lines=lines,
        forgetting=forgetting(evidence, pairs),
        alpha_paths=alpha_paths(evidence, validation or {}),
        staleness=staleness(evidence),
        agreement=agreement(evidence),
        routers=routers(evidence),
        costs=list(costs),
        prices=verdict.prices,
        priced=verdict.priced,
        break_even=verdict.break_even,
        passages=_in_order(passages, places, splits),
        attribution=_in_order(attribute(rows, primary), places, splits),
        trials=list(trials),
        failures=list(failures),
        standings=verdict.standings,
        decision=verdict.decision,
    )


def _check_names(rows: Sequence[ScoreRow], variants: Collection[str], splits: Collection[str]) -> None:
    strange = [f"variant {name!r}" for name in sorted({row.variant for row in rows} - set(variants))]
    strange += [f"split {name!r}" for name in sorted({row.split for row in rows} - set(splits))]
    if strange:
        raise InputError(
            f"the scores name {', '.join(strange)}, which the run doesn't list, so they belong to another run. "
            "Score the run again."
        )


def _ordered(tables: Tables, splits: Sequence[SplitReference]) -> Tables:
    """The tables in the order of the splits, and within a split by the name of the metric."""
    places = {split.name: place for place, split in enumerate(splits)}
    return {key: tables[key] for key in sorted(tables, key=lambda key: (places[key[0]], key[1]))}


def _cells(table: ScoreTable) -> list[Cell]:
    """One cell for each variant of the table; without figures where nothing could be scored."""
    scored = {variant: sample for variant in table.variants if len(sample := table.scored(variant))}
    intervals = dict(zip(scored, mean_intervals([(sample,) for sample in scored.values()]), strict=True))
    cells = []
    for variant in table.variants:
        interval = intervals.get(variant)
        count = len(scored.get(variant, ()))
        cells.append(
            Cell(
                variant=variant,
                split=table.split,
                metric=table.metric,
                n=count,
                unscored=len(table.cases) - count,
                mean=interval.value if interval else None,
                low=interval.low if interval else None,
                high=interval.high if interval else None,
            )
        )
    return cells


def _pairs(tables: Tables, paired_metrics: Collection[str], after: Mapping[str, str], margin: float) -> list[Pair]:
    return paired_differences(
        [table for (_, metric), table in tables.items() if metric in paired_metrics], after, margin=margin
    )


def _in_order(
    found: Iterable[AnyFound], variants: Mapping[str, int], splits: Sequence[SplitReference]
) -> list[AnyFound]:
    """What was `found` of variants on splits, in the order of both."""
    places = {split.name: place for place, split in enumerate(splits)}
    return sorted(found, key=lambda one: (variants[one.variant], places[one.split]))
