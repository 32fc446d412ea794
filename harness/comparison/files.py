"""Writes and reads `comparison.json` and `scores.jsonl`, whole or not at all. Knows nothing of their meaning."""

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.comparison.records import SCHEMA, Comparison, ScoreRow
from harness.errors import CacheError, InputError

COMPARISON_FILE = "comparison.json"
ROWS_FILE = "scores.jsonl"
_REMEDY = "Give the folder of a finished run, or run harness compare again."
_SHOWN = 10  # problems told of one file


def write_text(path: Path, text: str) -> Path:
    """Replace the file `path` by `text` in one step, so that no reader ever sees half of it.

    Raises CacheError if it can't be written (a full disk, no permission); an older file then stays.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_text(text, encoding="utf-8", newline="\n")
        os.replace(scratch, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)
        raise CacheError(
            f"{path}: can't be written ({error.strerror}). The result would be lost; make room or choose another "
            "folder, then run the same command again."
        ) from None
    return path


def write_comparison(comparison: Comparison, folder: Path) -> Path:
    """Write `comparison` into the run `folder`; the same comparison always gives the same bytes."""
    return write_text(folder / COMPARISON_FILE, _laid_out(comparison.model_dump(mode="json", by_alias=True)) + "\n")


def read_comparison(folder: Path) -> Comparison:
    """The comparison of the run `folder`; raises InputError if it is missing, broken or of another schema."""
    path = folder / COMPARISON_FILE
    text = _read(path)
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: not valid JSON ({error.msg}). {_REMEDY}") from None
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != SCHEMA:
        raise InputError(
            f"{path}: has the schema {schema!r}, this version reads {SCHEMA!r}. "
            "Run harness compare again with this version."
        )
    try:
        return Comparison.model_validate_json(text)
    except ValidationError as error:
        raise InputError("\n".join([*(f"{path}: {problem}" for problem in _problems(error)), _REMEDY])) from None


def write_rows(rows: Iterable[ScoreRow], folder: Path) -> Path:
    """Write the score rows into the run `folder`, one line each, in the order given."""
    lines = (_one_line(row.model_dump(mode="json", exclude={"reason"} if row.reason is None else None)) for row in rows)
    return write_text(folder / ROWS_FILE, "".join(f"{line}\n" for line in lines))


def read_rows(folder: Path) -> list[ScoreRow]:
    """The score rows of the run `folder`; raises InputError that tells the broken lines (file:line)."""
    path = folder / ROWS_FILE
    rows, problems = [], []
    # Not splitlines(): it also splits at characters that JSON allows within a string, such as U+2028.
    for number, line in enumerate(_read(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            rows.append(ScoreRow.model_validate_json(line))
        except ValidationError as error:
            problems += [f"{path}:{number}: {problem}" for problem in _problems(error)]
    if problems:
        more = [f"… and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
        raise InputError("\n".join([*problems[:_SHOWN], *more, _REMEDY]))
    return rows


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file, so nothing can be concluded from it. {_REMEDY}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: can't be read ({error}). {_REMEDY}") from None


def _problems(error: ValidationError) -> list[str]:
    return [": ".join(filter(None, [".".join(map(str, p["loc"])), p["msg"]])) for p in error.errors()]


def _one_line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _laid_out(value: Any, indent: str = "") -> str:
    """`value` as JSON with one line for each record of plain values: a changed record is one changed line."""
    inner = indent + "  "
    if isinstance(value, list) and value:
        items = [inner + _laid_out(item, inner) for item in value]
        return "[\n" + ",\n".join(items) + f"\n{indent}]"
    if isinstance(value, dict) and any(isinstance(item, dict | list) for item in value.values()):
        items = [f"{inner}{_one_line(key)}: {_laid_out(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(items) + f"\n{indent}}}"
    return _one_line(value)
