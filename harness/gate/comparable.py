"""May two runs be compared at all? Finds every reason why not. Knows nothing of who is better."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from harness.comparison import Comparison, ScoreRow
from harness.errors import NotComparableError

_CASES_SHOWN = 3
_REASONS_SHOWN = 20


def check_comparable(
    run: Comparison, baseline: Comparison, rows: Sequence[ScoreRow], expected: Sequence[ScoreRow]
) -> None:
    """Raise NotComparableError, with the reasons all at once, unless the run holds all that is expected.

    `rows` are the score rows of the run, `expected` those of the baseline that a gate is to check.
    """
    reasons = [*_origins(run, baseline), *_names(run, baseline), *_seeds(rows, expected), *_cases(run, rows, expected)]
    if not expected:
        reasons.append("the baseline has no scores that could be checked")
    if reasons:
        listed = "".join(f"  - {reason}\n" for reason in reasons[:_REASONS_SHOWN])
        more = f"  - and {len(reasons) - _REASONS_SHOWN} reasons more\n" if len(reasons) > _REASONS_SHOWN else ""
        raise NotComparableError(
            f"the run can't be compared with the baseline:\n{listed}{more}"
            "A difference would not be due to the change under test. Repeat the run with what the baseline has, or "
            "make a new baseline."
        )


def _origins(run: Comparison, baseline: Comparison) -> Iterator[str]:
    if run.suite.hash != baseline.suite.hash:
        yield (
            f"the suites differ: {run.suite.name!r} ({run.suite.hash}) in the run, "
            f"{baseline.suite.name!r} ({baseline.suite.hash}) in the baseline"
        )
    if run.base.hash != baseline.base.hash:
        yield (
            f"the base models differ: {run.base.model!r} ({run.base.hash}) in the run, "
            f"{baseline.base.model!r} ({baseline.base.hash}) in the baseline"
        )


def _names(run: Comparison, baseline: Comparison) -> Iterator[str]:
    for kind, here, there in (
        ("variant", run.variants, baseline.variants),
        ("split", run.splits, baseline.splits),
    ):
        found = {item.name for item in here}
        yield from (f"{kind} {item.name!r} is missing in the run" for item in there if item.name not in found)


def _seeds(rows: Sequence[ScoreRow], expected: Sequence[ScoreRow]) -> Iterator[str]:
    """The variants of which run and baseline have no seed in common."""
    found: dict[str, set[int]] = defaultdict(set)
    wanted: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        found[row.variant].add(row.seed)
    for row in expected:
        wanted[row.variant].add(row.seed)
    for variant, seeds in wanted.items():
        if found[variant] and not found[variant] & seeds:
            here, there = (", ".join(map(str, sorted(some))) for some in (found[variant], seeds))
            yield f"variant {variant!r} has no seed in common: {here} in the run, {there} in the baseline"


def _cases(run: Comparison, rows: Sequence[ScoreRow], expected: Sequence[ScoreRow]) -> Iterator[str]:
    """The metrics and cases that are missing; those of a variant or split that is missing are told elsewhere."""
    variants = {variant.name for variant in run.variants}
    splits = {split.name for split in run.splits}
    found: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    wanted: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for row in rows:
        found[row.variant, row.split, row.metric].add(row.case)
    for row in expected:
        if row.variant in variants and row.split in splits:
            wanted[row.variant, row.split, row.metric].add(row.case)
    for (variant, split, metric), cases in wanted.items():
        place = f"{metric!r} of {variant!r} on split {split!r}"
        missing = sorted(cases - found[variant, split, metric])
        if len(missing) == len(cases):
            yield f"{place} is missing in the run"
        elif missing:
            more = f" and {len(missing) - _CASES_SHOWN} more" if len(missing) > _CASES_SHOWN else ""
            yield f"{place} lacks the cases {', '.join(map(repr, missing[:_CASES_SHOWN]))}{more} in the run"
