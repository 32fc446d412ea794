"""May two runs be compared at all? Finds every reason why not, and what would accept it. Knows nothing of quality."""

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from harness.comparison import ScoreTable
from harness.errors import InputError
from harness.gate.records import Obstacle
from harness.gate.snapshot import Snapshot

_SHOWN = 3
_ALONE = ("suite", "base", "template")
_NAMED = ("metric", "variant", "split", "cases", "seeds", "unscored")


def check_accepted(accepted: Collection[str]) -> None:
    """Raise InputError for what `--accept` doesn't know, all at once."""
    wrong = [
        name
        for name in sorted(accepted)
        if name not in _ALONE and not (name.partition(" ")[0] in _NAMED and name.partition(" ")[2])
    ]
    if wrong:
        kinds = ", ".join([*_ALONE, *(f"{kind} NAME" for kind in _NAMED)])
        raise InputError(
            f"--accept {', '.join(map(repr, wrong))}: nothing that a run could differ in. Known: {kinds}, such as "
            "--accept 'variant full/zero-shot'."
        )


def obstacles(run: Snapshot, baseline: Snapshot, unscored_rise: float) -> list[Obstacle]:
    """All reasons why the run can't be held against the baseline; none where it can."""
    return [
        *_origins(run, baseline),
        *_metrics(run, baseline),
        *_names(run, baseline),
        *_cases(run, baseline),
        *_seeds(run, baseline),
        *_unscored(run, baseline, unscored_rise),
    ]


def _origins(run: Snapshot, baseline: Snapshot) -> Iterator[Obstacle]:
    for key, told, here, there in (
        ("suite", "the suites differ", run.suite.hash, baseline.suite.hash),
        ("base", "the base models differ", run.base.hash, baseline.base.hash),
        ("template", "the prompts are worded differently", run.suite.template, baseline.suite.template),
    ):
        if here != there:
            yield Obstacle(
                accept=key, reason=f"{told}: {here or 'unknown'} in the run, {there or 'unknown'} in the baseline"
            )


def _metrics(run: Snapshot, baseline: Snapshot) -> Iterator[Obstacle]:
    """Metrics that are missing, on some split or altogether, or by another definition."""
    splits = {split for split, _ in run.tables}
    missing: dict[str, list[str]] = {}
    for split, metric in baseline.tables:
        if split in splits and (split, metric) not in run.tables:
            missing.setdefault(metric, []).append(split)
    for metric, places in missing.items():
        yield Obstacle(
            accept=f"metric {metric}", reason=f"metric {metric!r} is missing in the run on {', '.join(places)}"
        )
    for metric in sorted({metric for _, metric in baseline.tables}):
        before, after = baseline.metrics.get(metric), run.metrics.get(metric)
        if before != after and any(metric == found for _, found in run.tables):
            yield Obstacle(
                accept=f"metric {metric}",
                reason=f"metric {metric!r} is another one: {after or 'no signature'} in the run, "
                f"{before or 'no signature'} in the baseline",
            )


def _names(run: Snapshot, baseline: Snapshot) -> Iterator[Obstacle]:
    """Variants and splits that are missing, and variants that are on some split."""
    splits = {split for split, _ in run.tables}
    for split in dict.fromkeys(split for split, _ in baseline.tables):
        if split not in splits:
            yield Obstacle(accept=f"split {split}", reason=f"split {split!r} is missing in the run")
    missing: dict[str, list[str]] = {}
    for before, after in common_tables(run, baseline):
        for variant in before.variants:
            if variant not in after.variants and before.split not in missing.setdefault(variant, []):
                missing[variant].append(before.split)
    for variant in baseline.variants:
        if variant not in run.variants:
            yield Obstacle(accept=f"variant {variant}", reason=f"variant {variant!r} is missing in the run")
        elif missing.get(variant):
            places = ", ".join(missing[variant])
            yield Obstacle(
                accept=f"variant {variant}", reason=f"variant {variant!r} lacks scores in the run on {places}"
            )


def common_tables(run: Snapshot, baseline: Snapshot) -> Iterator[tuple[ScoreTable, ScoreTable]]:
    """The tables of the baseline that the run has too, each with that of the run."""
    for key, table in baseline.tables.items():
        if key in run.tables:
            yield table, run.tables[key]


def _cases(run: Snapshot, baseline: Snapshot) -> Iterator[Obstacle]:
    missing: dict[str, dict[str, None]] = {}
    for before, after in common_tables(run, baseline):
        gone = set(before.cases) - set(after.cases)
        missing.setdefault(before.split, {}).update(dict.fromkeys(case for case in before.cases if case in gone))
    for split, cases in missing.items():
        if cases:
            more = f" and {len(cases) - _SHOWN} more" if len(cases) > _SHOWN else ""
            yield Obstacle(
                accept=f"cases {split}",
                reason=f"split {split!r} lacks the cases {', '.join(map(repr, list(cases)[:_SHOWN]))}{more} in the run",
            )


def _seeds(run: Snapshot, baseline: Snapshot) -> Iterator[Obstacle]:
    """The variants of which run and baseline have no seed in common."""
    seeds = [
        {v: scores.seeds for t in one.tables.values() for v, scores in t.scores.items()} for one in (run, baseline)
    ]
    for variant, there in seeds[1].items():
        here = seeds[0].get(variant, there)
        if not set(here) & set(there):
            yield Obstacle(
                accept=f"seeds {variant}",
                reason=f"variant {variant!r} has no seed in common: {_listed(here)} in the run, "
                f"{_listed(there)} in the baseline",
            )


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))


def _unscored(run: Snapshot, baseline: Snapshot, rise: float) -> Iterator[Obstacle]:
    """The variants that have too many unscored cases more, with the worst place of each."""
    worst: dict[str, tuple[float, str]] = {}
    for before, after in common_tables(run, baseline):
        places = {case: place for place, case in enumerate(after.cases)}
        cases = [places[case] for case in before.cases if case in places]
        for variant in before.variants:
            if variant not in after.variants or not cases:
                continue
            left_out = int(np.isnan(after.scores[variant].values[cases]).any(axis=1).sum())
            was = int(np.isnan(before.scores[variant].values).any(axis=1).sum())
            more = round(left_out / len(cases) - was / len(before.cases), 9)  # so that 5% - 3% is not more than 2%
            if more > max(rise, worst.get(variant, (0.0, ""))[0]):
                told = f"{left_out} of {len(cases)} cases in the run, {was} of {len(before.cases)} in the baseline"
                worst[variant] = more, f"on split {before.split!r} {told}"
    for variant, (_, told) in worst.items():
        yield Obstacle(
            accept=f"unscored {variant}",
            reason=f"variant {variant!r} has more unscored cases than may be: {told} ({rise:.1%} more may be)",
        )
