"""JSON: one object a line (`jsonl`), or one document that holds the rows (`json`)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from harness.suite.sources.folders import DataFolder
from harness.suite.sources.rows import Findings, Format, NoOptions, Row


class JsonOptions(BaseModel):
    """`at` is the dotted path to the rows where they aren't the whole document, as in `{"data": [...]}`."""

    model_config = ConfigDict(extra="forbid")

    at: str = ""


def read_document(path: Path, found: Findings) -> Any:
    """What a JSON file holds; None, and a line more in the findings, if it can't be read."""
    try:
        return plain(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        found.problems.append(f"{path}:{error.lineno}: not valid JSON ({error.msg} at column {error.colno})")
    except (OSError, RecursionError, ValueError) as error:
        found.problems.append(f"{path}: can't be read ({error}); give a UTF-8 text file of JSON")
    return None


def plain(text: str) -> Any:
    """What a JSON text holds; raises ValueError for half a surrogate pair, which no text file can hold."""
    content = json.loads(text)
    if "\\u" in text:  # no other JSON text can hold one
        json.dumps(content, ensure_ascii=False).encode()
    return content


def _read_lines(folder: DataFolder, name: str, options: NoOptions, found: Findings) -> Iterator[Row]:
    path, id_ = folder.file(name), folder.id_of(name)
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield from _row(line, f"{path}:{number}", f"{id_}:{number}", found)
    except (OSError, UnicodeDecodeError) as error:
        found.problems.append(f"{path}: can't be read ({error}); give a UTF-8 text file")


def _row(line: str, place: str, id_: str, found: Findings) -> Iterator[Row]:
    try:
        fields = plain(line)
    except json.JSONDecodeError as error:
        found.problems.append(f"{place}: not valid JSON ({error.msg} at column {error.colno})")
    except (RecursionError, ValueError) as error:  # nested too deeply, thousands of digits, or no text
        found.problems.append(f"{place}: not valid JSON ({error})")
    else:
        if isinstance(fields, dict):
            yield Row(place, id_, fields)
        else:
            found.problems.append(f"{place}: must be a mapping of keys to values")


def _read_document(folder: DataFolder, name: str, options: JsonOptions, found: Findings) -> Iterator[Row]:
    """The objects of a list, or of a mapping, whose keys then stand in the field `key`; a plain one is the `value`."""
    path, id_ = folder.file(name), folder.id_of(name)
    known = len(found.problems)
    content = read_document(path, found)
    for part in options.at.split(".") if options.at else ():
        content = content.get(part) if isinstance(content, dict) else None
    if isinstance(content, dict):
        items = [({"key": key}, item) for key, item in content.items()]
    elif isinstance(content, list):
        items = [({}, item) for item in content]
    else:
        if len(found.problems) == known:
            place = f"at {options.at!r}" if options.at else "at its top"
            found.problems.append(f"{path}: holds no list of rows {place}; say in `options` where they are (`at`)")
        return
    for number, (key, item) in enumerate(items, 1):
        fields = {**key, **(item if isinstance(item, dict) else {"value": item})}
        yield Row(f"{path}: row {number}", f"{id_}:{number}", fields)


JSON_LINES = Format(_read_lines)
JSON = Format(_read_document, options=JsonOptions)
