"""Writes and reads `comparison.json` and `costs.json`, which together are one comparison.

The first holds what a repeated run gives to the byte, the second what the clock has a part in. It names the hash of the
first, so that files of two runs are never joined. Knows nothing of what either says.
"""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from harness.comparison.files import REMEDY, one_line, problems_in, read_text, write_text
from harness.comparison.records.base import Record
from harness.comparison.records.clocked import COSTS_SCHEMA, Clocked, CostsFile
from harness.comparison.records.comparison import SCHEMA, Comparison, Repeatable
from harness.errors import InputError

COMPARISON_FILE = "comparison.json"
COSTS_FILE = "costs.json"

AnyRecord = TypeVar("AnyRecord", bound=Record)


def write_comparison(comparison: Comparison, folder: Path) -> Path:
    """Write `comparison` into the run `folder`; the same comparison always gives the same bytes.

    Returns the path of `comparison.json`; `costs.json` lies beside it.
    """
    clocked: dict[str, Any] = {**dict.fromkeys(Clocked.model_fields, True), "trials": {"__all__": {"seconds"}}}
    repeatable = comparison.model_dump(mode="json", by_alias=True, exclude=clocked)
    text = _laid_out(repeatable) + "\n"
    costs = CostsFile(
        comparison=_hash(text),
        trial_seconds=[trial.seconds for trial in comparison.trials],
        **{name: getattr(comparison, name) for name in Clocked.model_fields},
    )
    path = write_text(folder / COMPARISON_FILE, text)
    write_text(folder / COSTS_FILE, _laid_out(costs.model_dump(mode="json", by_alias=True)) + "\n")
    return path


def read_comparison(folder: Path) -> Comparison:
    """The comparison of the run `folder`.

    Raises InputError if one of its two files is missing, broken or of another schema, or if they are of two runs.
    """
    path = folder / COMPARISON_FILE
    text = read_text(path)
    found = _parsed(path, text, Repeatable, SCHEMA)
    costs = _parsed(folder / COSTS_FILE, read_text(folder / COSTS_FILE), CostsFile, COSTS_SCHEMA)
    if costs.comparison != _hash(text) or len(costs.trial_seconds) != len(found.trials):
        raise InputError(
            f"{folder / COSTS_FILE}: belongs to another {COMPARISON_FILE} than the one beside it, or one of them was "
            "changed, so its costs and its verdict may be of other scores. Repeat the command that made the run."
        )
    timed = zip(found.trials, costs.trial_seconds, strict=True)
    trials = [trial.model_copy(update={"seconds": seconds}) for trial, seconds in timed]
    clocked = {name: getattr(costs, name) for name in Clocked.model_fields}
    return Comparison(**{**dict(found), **clocked, "trials": trials})


def _parsed(path: Path, text: str, kind: type[AnyRecord], schema: str) -> AnyRecord:
    """The record of that `kind` in `text`, the content of `path`; raises InputError that tells all that is wrong."""
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: not valid JSON ({error.msg}). {REMEDY}") from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, brackets within brackets
        raise InputError(f"{path}: can't be read ({error}). {REMEDY}") from None
    found = content.get("schema") if isinstance(content, dict) else None
    if found != schema:
        raise InputError(
            f"{path}: has the schema {found!r}, this version reads {schema!r}. "
            "Run harness compare again with this version."
        )
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise InputError("\n".join([*(f"{path}: {problem}" for problem in problems_in(error)), REMEDY])) from None


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8")).hexdigest()


def _laid_out(value: Any, indent: str = "") -> str:
    """`value` as JSON with one line for each record of plain values: a changed record is one changed line."""
    inner = indent + "  "
    if isinstance(value, list) and value:
        items = [inner + _laid_out(item, inner) for item in value]
        return "[\n" + ",\n".join(items) + f"\n{indent}]"
    if isinstance(value, dict) and any(isinstance(item, dict | list) for item in value.values()):
        items = [f"{inner}{one_line(key)}: {_laid_out(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(items) + f"\n{indent}}}"
    return one_line(value)
