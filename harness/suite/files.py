"""Reads the files of a suite into records and notes every problem with its place (file:line)."""

import json
import os.path
from datetime import date
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness._settings import explain
from harness.suite.records import BaseSettings, DecodingSettings, PromptSettings, SplitKind

AnyRecord = TypeVar("AnyRecord", bound=BaseModel)
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]


class SplitEntry(BaseModel):
    """One split as `suite.yaml` states it."""

    model_config = ConfigDict(extra="forbid")

    kind: SplitKind
    file: str
    as_of: date | None = None


class SuiteFile(BaseModel):
    """The content of `suite.yaml`; the names of suite and splits become names of files in the run folder."""

    model_config = ConfigDict(extra="forbid")

    name: FileName
    description: str = ""
    base: BaseSettings | None = None
    prompt: PromptSettings = PromptSettings()
    decoding: DecodingSettings = DecodingSettings()
    corpus: str | None = None
    splits: dict[FileName, SplitEntry] = Field(min_length=1)


def inside(folder: Path, name: str, problems: list[str]) -> Path | None:
    """The path of the file `name` inside `folder`; None, and a line more in `problems`, if there is no such file."""
    if not os.path.isfile(folder / name):  # not Path.is_file, which raises for a name that no file can have
        problems.append(f"{folder}: there is no file {name!r}, which suite.yaml names; add it or mend the name")
        return None
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        problems.append(f"{folder}: the file {name!r} lies outside the suite; put it inside, a suite is one folder")
        return None
    return path


def read_lines(path: Path, model: type[AnyRecord], problems: list[str]) -> list[AnyRecord]:
    """The records of a JSON-lines file; what is wrong with a line goes to `problems` as `file:line: …`."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{path}: can't be read ({error}); give a UTF-8 text file")
        return []
    records = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
            json.dumps(content, ensure_ascii=False).encode()  # raises for half a surrogate pair, which no text can hold
            records.append(model.model_validate(content))
        except json.JSONDecodeError as error:
            problems.append(f"{path}:{number}: not valid JSON ({error.msg} at column {error.colno})")
        except ValidationError as error:
            problems += [f"{path}:{number}: {text}" for text in explain(error, model)]
        except (RecursionError, ValueError) as error:  # nested too deeply, thousands of digits, or no text
            problems.append(f"{path}:{number}: not valid JSON ({error})")
    return records
