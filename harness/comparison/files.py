"""Writes and reads the rows beside `comparison.json`, whole or not at all. Knows nothing of their meaning."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from harness.comparison.records.base import Record
from harness.comparison.records.rows import CaseRow, PassageRow, PromptRow, ScoreRow
from harness.errors import CacheError, InputError
from harness.runs.storage import write_atomic

ROWS_FILE = "scores.jsonl"
CASES_FILE = "cases.jsonl"
PASSAGES_FILE = "passages.jsonl"
PROMPTS_FOLDER = "prompts"
REMEDY = "Give the folder of a finished run, or run harness compare again."
_SHOWN = 10  # problems told of one file

AnyRow = TypeVar("AnyRow")


def write_text(path: Path, text: str) -> Path:
    """Replace the file `path` by `text` in one step, so that no reader ever sees half of it.

    Raises CacheError if it can't be written (a full disk, no permission); an older file then stays.
    """
    try:
        write_atomic(path, text.encode("utf-8"))
    except OSError as error:
        raise CacheError(
            f"{path}: can't be written ({error.strerror}). The result would be lost; make room or choose another "
            "folder, then run the same command again."
        ) from None
    return path


def write_rows(rows: Iterable[ScoreRow], folder: Path) -> Path:
    """Write the score rows into the run `folder`, one line each, in the order given."""
    lines = (
        one_line({name: value for name, value in asdict(row).items() if name != "reason" or value}) for row in rows
    )
    return write_text(folder / ROWS_FILE, "".join(f"{line}\n" for line in lines))


def read_rows(folder: Path) -> list[ScoreRow]:
    """The score rows of the run `folder`; raises InputError that tells the broken lines (file:line)."""
    return _read_lines(folder / ROWS_FILE, ScoreRow)


def write_cases(rows: Iterable[CaseRow], folder: Path) -> Path:
    """Write what was asked into the run `folder`, one line a case."""
    return _write_lines(folder / CASES_FILE, rows)


def read_cases(folder: Path) -> list[CaseRow]:
    """What was asked in the run `folder`; none where it was written without. Errors as for `read_rows`."""
    return _read_lines(folder / CASES_FILE, CaseRow, optional=True)


def write_passages(rows: Iterable[PassageRow], folder: Path) -> Path:
    """Write the passages that prompts showed into the run `folder`, each once."""
    return _write_lines(folder / PASSAGES_FILE, rows)


def read_passages(folder: Path) -> dict[str, PassageRow]:
    """The passages that prompts showed, by id; none where the run was written without. Errors as for `read_rows`."""
    return {row.id: row for row in _read_lines(folder / PASSAGES_FILE, PassageRow, optional=True)}


def write_prompts(rows: Iterable[PromptRow], folder: Path, context: str, split: str) -> Path:
    """Write the prompts of one context on one split into the run `folder`."""
    return _write_lines(_prompts_path(folder, context, split), rows)


def read_prompts(folder: Path, context: str, split: str) -> dict[tuple[str, int], str]:
    """The prompts of one context on one split by case and seed; none where the run was written without."""
    rows = _read_lines(_prompts_path(folder, context, split), PromptRow, optional=True)
    return {(row.case, row.seed): row.text for row in rows}


def groups_of(cases: Iterable[CaseRow]) -> dict[tuple[str, str], str]:
    """The group of each case that has one, by (split, case)."""
    return {(row.split, row.case): row.group for row in cases if row.group}


def _prompts_path(folder: Path, context: str, split: str) -> Path:
    names = Path(context).name == context, Path(split).name == split
    if not all(names):
        raise InputError(f"{context!r} and {split!r} can't name a file of {folder}. Use names without slashes.")
    return folder / PROMPTS_FOLDER / context / f"{split}.jsonl"


def _write_lines(path: Path, rows: Iterable[Record]) -> Path:
    lines = (one_line(row.model_dump(mode="json", exclude_defaults=True)) for row in rows)
    return write_text(path, "".join(f"{line}\n" for line in lines))


def _read_lines(path: Path, kind: type[AnyRow], *, optional: bool = False) -> list[AnyRow]:
    """The lines of `path` as records; none where an `optional` file isn't there."""
    rows: list[AnyRow] = []
    problems: list[str] = []
    reader = TypeAdapter(kind)
    # Not splitlines(): it also splits at characters that JSON allows within a string, such as U+2028.
    for number, line in enumerate(read_text(path, optional=optional).split("\n"), 1):
        if not line.strip():
            continue
        try:
            rows.append(reader.validate_json(line))
        except ValidationError as error:
            problems += [f"{path}:{number}: {problem}" for problem in problems_in(error)]
    if problems:
        more = [f"… and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
        raise InputError("\n".join([*problems[:_SHOWN], *more, REMEDY]))
    return rows


def read_text(path: Path, *, optional: bool = False) -> str:
    """The text of `path`; "" where an `optional` file isn't there. Raises InputError if it can't be read."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if optional:
            return ""
        raise InputError(f"{path}: there is no such file, so nothing can be concluded from it. {REMEDY}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: can't be read ({error}). {REMEDY}") from None


def problems_in(error: ValidationError) -> list[str]:
    """What pydantic found wrong, each with its place in the record."""
    return [": ".join(filter(None, [".".join(map(str, p["loc"])), p["msg"]])) for p in error.errors()]


def one_line(value: Any) -> str:
    """`value` as JSON on one line; raises ValueError for a number that isn't finite."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
