"""Rows in, comparison out: cells, pairs and the decision. Knows nothing of files, and of how it is shown."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeVar

from harness.comparison.attribution import attribute
from harness.comparison.bootstrap import mean_intervals
from harness.comparison.decision import Evidence, choose
from harness.comparison.metrics import primary_metrics
from harness.comparison.pairs import paired_differences
from harness.comparison.records import (
    Attribution,
    BaseReference,
    Cell,
    Comparison,
    Cost,
    Decision,
    Failure,
    Pair,
    PassageUse,
    ScoreRow,
    SplitReference,
    SuiteReference,
    Trial,
    VariantReference,
)
from harness.comparison.table import ScoreTable, Tables, tabulate
from harness.comparison.wording import reasons, sentence
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
    passages: Sequence[PassageUse] = (),
    trials: Sequence[Trial] = (),
    failures: Sequence[Failure] = (),
) -> Comparison:
    """What the score `rows` of one run conclude.

    Every metric in `rows` gets cells; only `paired_metrics`, for which higher is better, get pairs. Where a split
    doesn't name its primary metric, `primary_metric` does. The result doesn't depend on the order of `rows`. Raises
    InputError if rows name a variant or split that isn't listed, or score one thing twice.
    """
    places = {variant.name: place for place, variant in enumerate(variants)}
    _check_names(rows, places, {split.name for split in splits})
    tables = _ordered(tabulate(sorted(rows, key=lambda row: places[row.variant])), splits)
    cells = [cell for table in tables.values() for cell in _cells(table)]
    primary = primary_metrics(cells, splits)
    evidence = Evidence(
        tables=tables,
        primary=primary,
        splits=splits,
        variants=variants,
        costs={cost.variant: cost for cost in costs},
    )
    return Comparison(
        signature=signature,
        suite=suite,
        base=base,
        splits=list(splits),
        variants=list(variants),
        cells=cells,
        pairs=_pairs(tables, paired_metrics, {v.name: v.after for v in variants if v.after}),
        costs=list(costs),
        passages=_in_order(passages, places, splits),
        attribution=_in_order(attribute(rows, primary), places, splits),
        trials=list(trials),
        failures=list(failures),
        decision=_decision(evidence, cells, seeds=len({row.seed for row in rows})),
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


def _pairs(tables: Tables, paired_metrics: Collection[str], after: Mapping[str, str]) -> list[Pair]:
    return [
        pair
        for (_, metric), table in tables.items()
        if metric in paired_metrics
        for pair in paired_differences(table, after)
    ]


def _in_order(
    found: Iterable[AnyFound], variants: Mapping[str, int], splits: Sequence[SplitReference]
) -> list[AnyFound]:
    """What was `found` of variants on splits, in the order of both."""
    places = {split.name: place for place, split in enumerate(splits)}
    return sorted(found, key=lambda one: (variants[one.variant], places[one.split]))


def _decision(evidence: Evidence, cells: Sequence[Cell], *, seeds: int) -> Decision:
    choice = choose(evidence)
    return Decision(
        recommended=choice.recommended,
        sentence=sentence(choice, evidence),
        reasons=reasons(choice, evidence, cells, seeds),
    )
