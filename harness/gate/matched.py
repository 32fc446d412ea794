"""The scores that a rule speaks of: a variant's in the run and in the baseline, paired by case and seed.

Knows nothing of what is concluded from them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness.comparison import Sample, ScoreTable
from harness.errors import InputError
from harness.gate.escape import plain
from harness.gate.obstacles import common_tables
from harness.gate.rules import PRIMARY, Rule, Rules, matches
from harness.gate.snapshot import Snapshot


@dataclass(frozen=True)
class Matched:
    """One variant on one split by one metric: its scores on the cases that are scored in both runs."""

    variant: str
    split: str
    metric: str
    cases: int
    baseline: Sample
    run: Sample

    @property
    def gap(self) -> Sample:
        """Run minus baseline."""
        return Sample(self.run.values - self.baseline.values, self.baseline.groups)


@dataclass(frozen=True)
class Target:
    """What one demand is about: one variant by one metric, on one split or on the mean over several."""

    variant: str
    metric: str
    parts: tuple[Matched, ...]


def matched(run: Snapshot, baseline: Snapshot) -> list[Matched]:
    """All that both runs have, in the order of the baseline.

    Compared are the seeds that both have, so that what is trained meets its like: a run with one seed meets that one
    of a baseline with three, and where nothing but seeds could differ, nothing does. Without a common seed, which a
    gate accepts only by name, the means over the seeds meet.
    """
    found = [
        _match(variant, before, after)
        for before, after in common_tables(run, baseline)
        for variant in before.variants
        if variant in after.variants
    ]
    order = {variant: place for place, variant in enumerate(baseline.variants)}
    return sorted(found, key=lambda one: order[one.variant])


def _match(variant: str, before: ScoreTable, after: ScoreTable) -> Matched:
    places = {case: place for place, case in enumerate(after.cases)}
    kept = [place for place, case in enumerate(before.cases) if case in places]
    rows = [places[before.cases[place]] for place in kept]
    old, new = before.scores[variant], after.scores[variant]
    seeds = [seed for seed in old.seeds if seed in new.seeds]
    first = (old.of(seeds) if seeds else old.values.mean(axis=1, keepdims=True))[kept]
    second = (new.of(seeds) if seeds else new.values.mean(axis=1, keepdims=True))[rows]
    common = ~np.isnan(first + second).any(axis=1)
    groups = before.groups[kept][common]
    return Matched(
        variant=variant,
        split=before.split,
        metric=before.metric,
        cases=len(before.cases),
        baseline=Sample(first[common], groups, lowest=0.0),
        run=Sample(second[common], groups, lowest=0.0),
    )


def targets(rule: Rule, found: list[Matched], baseline: Snapshot) -> list[Target]:
    """What `rule` speaks of among what was `found`, in its order."""
    kinds = {split.name: split.kind for split in baseline.splits}
    spoken = [one for one in found if _speaks_of(rule, one, kinds[one.split], baseline.primary[one.split])]
    if not rule.mean:
        return [Target(one.variant, one.metric, (one,)) for one in spoken]
    together: dict[tuple[str, str], list[Matched]] = {}
    for one in spoken:
        together.setdefault((one.variant, PRIMARY if PRIMARY in rule.metrics else one.metric), []).append(one)
    return [Target(variant, _metric(parts), tuple(parts)) for (variant, _), parts in together.items()]


def check_rules(rules: Rules, baseline: Snapshot) -> None:
    """Raise InputError for rules that speak of nothing in the baseline, all at once: they would pass in silence."""
    kinds = {split.name: split.kind for split in baseline.splits}
    cells = [(variant, table) for table in baseline.tables.values() for variant in table.variants]
    idle = [
        f"rule {number}: speaks of nothing in the baseline ({rule.variants}, {rule.splits}, {rule.metrics})"
        for number, rule in enumerate(rules.rules, 1)
        if not any(
            matches(rule.variants, variant)
            and matches(rule.splits, table.split, kinds[table.split])
            and matches(rule.metrics, *_names_of(table.metric, baseline.primary[table.split]))
            for variant, table in cells
        )
    ]
    if idle:
        known = (
            f"Variants: {', '.join(baseline.variants)}. Splits: {', '.join(kinds)}. "
            f"Metrics: {', '.join(sorted({PRIMARY, *(table.metric for _, table in cells)}))}."
        )
        raise InputError("\n".join([*idle, f"Such a rule would pass in silence. {plain(known)}"]))


def _speaks_of(rule: Rule, one: Matched, kind: str, primary: str) -> bool:
    return (
        matches(rule.variants, one.variant)
        and matches(rule.splits, one.split, kind)
        and matches(rule.metrics, *_names_of(one.metric, primary))
    )


def _names_of(metric: str, primary: str) -> Iterator[str]:
    yield metric
    if metric == primary:
        yield PRIMARY


def _metric(parts: list[Matched]) -> str:
    metrics = {part.metric for part in parts}
    return metrics.pop() if len(metrics) == 1 else PRIMARY
