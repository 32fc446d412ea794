"""Reads somebody's questions and answers into cases. Knows nothing of splits."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from os.path import isfile
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness._settings import explain
from harness.errors import InputError, UnknownNameError
from harness.suite.records import Case
from harness.suite.sources.folders import DataFolder
from harness.suite.sources.json_files import JSON, JSON_LINES
from harness.suite.sources.parquet import PARQUET
from harness.suite.sources.rows import Findings, Row
from harness.suite.sources.tables import CSV, TSV
from harness.suite.sources.values import as_text

FORMATS = {".csv": CSV, ".tsv": TSV, ".jsonl": JSON_LINES, ".json": JSON, ".parquet": PARQUET}
FIELDS = {
    "id": ("id",),
    "question": ("question",),
    "answer": ("answer", "answers"),
    "document": ("document", "documents", "evidence"),
    "choices": ("choices",),
}
_NEEDED = ("question", "answer")
_LISTS = ("answer", "document", "choices")
_SHOWN = 20


@dataclass(frozen=True)
class Drafted:
    """A case, the names of its documents as they were given, and what else is known of it, to hold cases out by."""

    case: Case
    named: tuple[str, ...]
    columns: Mapping[str, str]


def read_questions(path: Path, columns: Mapping[str, str], notes: list[str]) -> list[Drafted]:
    """The cases of a table or JSON file, without evidence as yet.

    `columns` says which column holds a field of `FIELDS` where its name doesn't, "" for none. Several answers,
    documents or choices are a list, in a table written as JSON. What was mended goes to `notes`. Raises InputError that
    tells all mistakes at once.
    """
    findings = Findings(notes=notes)
    problems = findings.problems
    rows = _rows(path, findings)
    known = list(dict.fromkeys(name for row in rows for name in row.fields))
    chosen = _chosen(path, known, columns) if rows else {}
    made = (_drafted(row, number, chosen, problems) for number, row in enumerate(rows, 1))
    drafted = [item for item in made if item is not None]
    if not drafted and not problems:
        problems.append(f"{path}: holds no questions")
    if problems:
        rest = [f"… and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
        raise InputError("\n".join(["The questions can't be used; mend these:", *problems[:_SHOWN], *rest]))
    return drafted


def _rows(path: Path, findings: Findings) -> list[Row]:
    if not isfile(path):
        raise InputError(f"{path}: there is no such file, so there are no questions. Mend the path.")
    format_ = FORMATS.get(path.suffix.lower())
    if format_ is None:
        raise UnknownNameError("format of questions", path.suffix or path.name, FORMATS, place=str(path))
    folder = DataFolder(path.parent, path.parent.name, path.parent)
    return list(format_.rows(folder, path.name, format_.options(), findings))


def _chosen(path: Path, known: Iterable[str], columns: Mapping[str, str]) -> dict[str, str]:
    """The column of each field that there is one for."""
    by_name = {name.strip().lower(): name for name in known}
    chosen = {field: by_name[name] for field, names in FIELDS.items() for name in reversed(names) if name in by_name}
    for field, name in columns.items():
        if field not in FIELDS:
            raise UnknownNameError("field", field, FIELDS, place="--column")
        if name and name not in known:
            raise UnknownNameError("column", name, known, place=str(path))
        chosen[field] = name
    missing = [field for field in _NEEDED if not chosen.get(field)]
    if missing:
        raise InputError(
            f"{path}: no column is called {' or '.join(missing)}, so there are no cases to make. Its columns are "
            f"{', '.join(known)}. Name the right one with --column {missing[0]}=COLUMN."
        )
    return {field: name for field, name in chosen.items() if name}


def _drafted(row: Row, number: int, chosen: Mapping[str, str], problems: list[str]) -> Drafted | None:
    taken = {field: _texts(row.fields.get(name), listed=field in _LISTS) for field, name in chosen.items()}
    nested = [field for field, texts in taken.items() if texts is None]
    problems += [
        f"{row.place}: {chosen[field]!r} holds neither a text nor a list of texts; name another column with --column "
        f"{field}=COLUMN, or none with --column {field}="
        for field in nested
    ]
    if nested:
        return None
    texts = {field: found for field, found in taken.items() if found is not None}
    try:
        case = Case(
            id=" ".join(texts.get("id", ())) or f"q{number}",
            question=" ".join(texts["question"]),
            references=tuple(dict.fromkeys(texts["answer"])),
            choices=tuple(texts.get("choices", ())),
        )
    except ValidationError as error:
        problems += [f"{row.place}: {text}" for text in explain(error, Case)]
        return None
    others = {name: value for name, value in row.fields.items() if name not in chosen.values()}
    columns = {name: as_text(value) for name, value in others.items() if isinstance(value, str | int | float | date)}
    return Drafted(case, tuple(texts.get("document", ())), columns)


def _texts(value: Any, *, listed: bool) -> list[str] | None:
    """The texts in a field, none for an empty one; None for what is neither a text nor a list of texts.

    A text may be a list written as JSON where `listed`.
    """
    if listed and isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except (RecursionError, ValueError):
            return [value]
    if not isinstance(value, list | tuple):
        value = [] if value is None or value == "" else [value]
    if any(isinstance(item, list | dict) for item in value):
        return None
    return [as_text(item) for item in value if item is not None]
