"""Looks a suite over with all that it takes: its records, a tokenizer, an embedder, and the power of its tests."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.comparison.statistics.power import (
    TYPICAL_DISCORDANCE,
    WORST_DISCORDANCE,
    cases_needed,
    smallest_detectable,
)
from harness.errors import InputError, UnknownNameError
from harness.pipeline.suite_lengths import make_ruler, too_long
from harness.pipeline.suite_meaning import doubts_by_meaning
from harness.runs.progress import Progress, Silent
from harness.suite import Split, examine_suite
from harness.suite.doubts import doubts
from harness.suite.findings import Finding, SplitFigures, SuiteCheck
from harness.suite.labels import majority
from harness.suite.records import TEST_KINDS


@dataclass(frozen=True)
class CheckRequest:
    """What is checked: `data` is the folder of data that a suite names and hasn't.

    `effect` is the smallest difference that one hopes to see (0.05 is five points).
    Tokens are counted by `model`, or else by the suite's own base, or else roughly. Without `embedding` questions are
    compared by their text alone.
    """

    suite: str
    data: Path | None = None
    effect: float = 0.05
    model: str | None = None
    embedding: bool = True


def check_suite(request: CheckRequest, progress: Progress | None = None) -> SuiteCheck:
    """All that is wrong with a suite, or weakens what can be concluded from it.

    Raises UnknownNameError where there is no such suite, and InputError for an effect, a model or prompt templates that
    can't be used.
    """
    if not 0 < request.effect <= TYPICAL_DISCORDANCE:
        raise InputError(
            f"an effect of {request.effect} can't be planned for: it is a difference of two shares of right answers. "
            f"Give one above 0 and up to {TYPICAL_DISCORDANCE}, such as 0.05 for five points."
        )
    try:
        suite, errors = examine_suite(request.suite, request.data)
    except UnknownNameError:
        raise
    except InputError as error:
        return SuiteCheck(request.suite, errors=_one_by_one(error))
    ruler = make_ruler(suite, request.model)
    splits = {name: split for name, split in suite.splits.items() if split.cases}
    suite = replace(suite, splits=splits)  # that the others are empty is an error and told as one
    lengths = {name: [ruler.count(case.question) for case in split.cases] for name, split in splits.items()}
    figures = [_figures(split, max(lengths[split.name])) for split in splits.values()]
    warnings = [*doubts(suite), *too_long(suite, lengths, ruler), *too_few(figures, request.effect)]
    if request.embedding:
        warnings += doubts_by_meaning(suite, progress or Silent())
    left_out = () if request.embedding else ("near-duplicates by meaning, and the embedder's window",)
    return SuiteCheck(suite.name, tuple(errors), tuple(warnings), tuple(figures), ruler.name, left_out)


def too_few(figures: Sequence[SplitFigures], effect: float) -> Iterator[Finding]:
    """Test splits that would not show the difference that one hopes to see."""
    needed = cases_needed(effect, TYPICAL_DISCORDANCE)
    small = [f"{split.name} {split.cases}" for split in figures if split.kind in TEST_KINDS and split.cases < needed]
    if small:
        yield Finding("power", f"a difference of {100 * effect:g} points takes {needed} cases: {', '.join(small)}")


def _one_by_one(error: InputError) -> tuple[str, ...]:
    """The mistakes that an error tells, a line each, without the line that introduces them."""
    first, *rest = str(error).splitlines()
    return tuple(rest) if rest and first.endswith(":") else (first, *rest)


def _figures(split: Split, longest: int) -> SplitFigures:
    cases = len(split.cases)
    tested = split.kind in TEST_KINDS
    return SplitFigures(
        name=split.name,
        kind=split.kind,
        as_of=split.as_of,
        cases=cases,
        evidence=sum(bool(case.evidence) for case in split.cases),
        majority=majority(split),
        longest=longest,
        detects=smallest_detectable(cases, TYPICAL_DISCORDANCE) if tested else None,
        detects_at_worst=smallest_detectable(cases, WORST_DISCORDANCE) if tested else None,
    )
