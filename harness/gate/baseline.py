"""A baseline as one small file that people review: a line for each cell, a character for each right or wrong answer.

What changed between two of them is what changed in the scores. Knows nothing of rules.
"""

import json
from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from harness.comparison import BaseReference, Record, ScoreRow, ScoreTable, SplitKind, SplitReference, SuiteReference
from harness.comparison.files import write_text
from harness.comparison.records.base import Figure
from harness.errors import InputError
from harness.gate.snapshot import Snapshot, snapshot_of

SCHEMA: Literal["harness.baseline/1"] = "harness.baseline/1"
MOST_BYTES = 200_000_000
_SHOWN = 10  # problems told of one file
_OPENING = b'{\n  "schema": "harness.baseline/'
_UNSCORED, _ABSENT = "-", "."
_REMEDY = "Write the file anew: harness gate RUN --baseline FILE --update."


class _Split(Record):
    """One split: the ids of its cases, and the group of each, if any case has one."""

    name: str
    kind: SplitKind
    primary: str
    cases: tuple[str, ...]
    groups: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _groups_fit(self) -> Self:
        if self.groups and len(self.groups) != len(self.cases):
            raise ValueError(f"has {len(self.groups)} groups for {len(self.cases)} cases")
        return self


class _Cell(Record):
    """The scores of one variant by one metric on one split, by seed, in the order of the split's cases.

    Right and wrong are a string of 1 and 0; other numbers stand with spaces between. `-` is unscored, `.` a case that
    the metric doesn't judge.
    """

    variant: str
    split: str
    metric: str
    mean: Figure | None
    n: int
    unscored: int
    scores: dict[int, str]


class _File(Record):
    schema_: Literal["harness.baseline/1"] = Field(default=SCHEMA, alias="schema")
    signature: str
    suite: SuiteReference
    base: BaseReference
    metrics: dict[str, str]
    splits: list[_Split]
    cells: list[_Cell]

    @model_validator(mode="after")
    def _every_split_is_decided(self) -> Self:
        names = [split.name for split in self.splits]
        if len(set(names)) < len(names):
            raise ValueError("a split stands twice")
        cells = {(cell.split, cell.metric) for cell in self.cells}
        undecided = [split.name for split in self.splits if split.cases and (split.name, split.primary) not in cells]
        if undecided:
            raise ValueError(f"the primary metric of {', '.join(map(repr, undecided))} has no scores")
        return self


def read_snapshot(path: Path) -> Snapshot:
    """What a gate needs of a run: from the run's folder, or from the file that `write_baseline` wrote of it.

    Raises InputError that tells all that is wrong.
    """
    return snapshot_of(path) if path.is_dir() else _read_baseline(path)


def write_baseline(snapshot: Snapshot, path: Path) -> Path:
    """Write `snapshot` as the baseline file `path`; the same scores always give the same bytes."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder, and a baseline is written as a file. Name one, such as baseline.json.")
    if path.exists():
        _check_own(path)
    return write_text(path, _laid_out(_file(snapshot).model_dump(mode="json", by_alias=True)))


def _check_own(path: Path) -> None:
    """Raises InputError for a file that isn't a baseline, whole or broken: another one is not written over."""
    with path.open("rb") as file:
        beginning = file.read(len(_OPENING))
    if beginning and beginning != _OPENING:
        raise InputError(f"{path}: is no baseline, and would be lost. Name another file, or remove it first.")


def _file(snapshot: Snapshot) -> _File:
    tables = snapshot.tables.values()
    splits = [_split(split, snapshot) for split in snapshot.splits]
    cases = {split.name: split.cases for split in splits}
    return _File(
        signature=snapshot.signature,
        suite=snapshot.suite,
        base=snapshot.base,
        metrics=dict(sorted(snapshot.metrics.items())),
        splits=splits,
        cells=[
            _cell(table, variant, cases[table.split])
            for variant in snapshot.variants
            for table in tables
            if variant in table.variants
        ],
    )


def _split(split: SplitReference, snapshot: Snapshot) -> _Split:
    tables = [table for (name, _), table in snapshot.tables.items() if name == split.name]
    cases = tuple(sorted({case for table in tables for case in table.cases}))
    groups = tuple(snapshot.groups.get((split.name, case), "") for case in cases)
    return _Split(
        name=split.name, kind=split.kind, primary=split.primary, cases=cases, groups=groups if any(groups) else ()
    )


def _cell(table: ScoreTable, variant: str, cases: Sequence[str]) -> _Cell:
    scores, scored = table.scores[variant], table.scored(variant)
    return _Cell(
        variant=variant,
        split=table.split,
        metric=table.metric,
        mean=scored.mean() if len(scored) else None,
        n=len(scored),
        unscored=len(table.cases) - len(scored),
        scores={
            seed: _coded(dict(zip(table.cases, values, strict=True)), cases)
            for seed, values in zip(scores.seeds, scores.values.T.tolist(), strict=True)
        },
    )


def _coded(values: dict[str, float], cases: Sequence[str]) -> str:
    """The scores of `cases` as text; every number comes back as it was."""
    words = [_word(values[case]) if case in values else _ABSENT for case in cases]
    return ("" if all(len(word) == 1 for word in words) else " ").join(words)


def _word(value: float) -> str:
    return _UNSCORED if isnan(value) else repr(value).removesuffix(".0")


def _laid_out(content: dict[str, Any]) -> str:
    """JSON with a line for each split and each cell."""
    lines = []
    for key, value in content.items():
        if isinstance(value, list):
            items = ",\n".join(f"    {json.dumps(item, ensure_ascii=False)}" for item in value)
            lines.append(f"  {json.dumps(key)}: [\n{items}\n  ]")
        else:
            lines.append(f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _read_baseline(path: Path) -> Snapshot:
    file = _validated(path)
    cases = {split.name: split.cases for split in file.splits}
    rows, problems = [], []
    for cell in file.cells:
        try:
            rows += _rows(cell, cases.get(cell.split, ()))
        except ValueError as error:
            problems.append(f"{path}: {cell.metric!r} of {cell.variant!r} on {cell.split!r}: {error}")
    if problems:
        raise InputError("\n".join([*problems[:_SHOWN], _REMEDY]))
    return Snapshot(
        signature=file.signature,
        suite=file.suite,
        base=file.base,
        metrics=file.metrics,
        splits=tuple(
            SplitReference(name=split.name, kind=split.kind, n=len(split.cases), primary=split.primary)
            for split in file.splits
        ),
        rows=tuple(rows),
        groups={
            (split.name, case): group
            for split in file.splits
            for case, group in zip(split.cases, split.groups, strict=False)
            if group
        },
    )


def _validated(path: Path) -> _File:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path}: is larger than any baseline ({MOST_BYTES:,} bytes at most). {_REMEDY}")
        return _File.model_validate_json(path.read_bytes())
    except ValidationError as error:
        told = [
            ": ".join(filter(None, [str(path), ".".join(map(str, p["loc"])), p["msg"]]))
            for p in error.errors()[:_SHOWN]
        ]
        raise InputError("\n".join([*told, _REMEDY])) from None
    except OSError as error:
        raise InputError(
            f"{path}: can't be read ({error.strerror}), so there is nothing to hold a run against. Give the folder of "
            "a finished run, or write a baseline: harness gate RUN --baseline FILE --update."
        ) from None


def _rows(cell: _Cell, cases: Sequence[str]) -> list[ScoreRow]:
    """The score rows of a cell; raises ValueError where its scores don't fit its cases or its figures."""
    rows = []
    for seed, text in cell.scores.items():
        words = text.split(" ") if " " in text or len(cases) == 1 else list(text)
        if len(words) != len(cases):
            raise ValueError(f"has {len(words)} scores in seed {seed} for the {len(cases)} cases of the split")
        for case, word in zip(cases, words, strict=True):
            if word == _ABSENT:
                continue
            value = None if word == _UNSCORED else float(word)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"has the score {word}, and a score lies between 0 and 1")
            rows.append(
                ScoreRow(
                    variant=cell.variant,
                    split=cell.split,
                    case=case,
                    metric=cell.metric,
                    seed=seed,
                    value=value,
                    reason="unscored" if value is None else None,
                )
            )
    found = [row.value for row in rows if row.value is not None]
    mean = None if not found else sum(found) / len(found)
    if len(found) != cell.n * len(cell.scores) or (mean is None) != (cell.mean is None):
        raise ValueError(f"doesn't have the {cell.n} scored cases that it says it has")
    if mean is not None and cell.mean is not None and abs(mean - cell.mean) > 1e-5:
        raise ValueError(f"has the mean {mean:.6f} where it says {cell.mean:.6f}")
    return rows
