"""What `suite.yaml` holds, and the files beside it: read into records, every problem noted with its place."""

import json
import os.path
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from harness._settings import explain
from harness.suite.records import BaseSettings, DecodingSettings, EvidenceNeed, PromptSettings, SplitKind
from harness.suite.sources import Selections, SourceEntry

AnyRecord = TypeVar("AnyRecord", bound=BaseModel)
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]


class Filled(BaseModel):
    """Something that is read from a `file` of the suite, or `from` selections of data that may lie elsewhere."""

    model_config = ConfigDict(extra="forbid")

    file: str | None = None
    selections: Selections = Field(default=(), alias="from")

    @model_validator(mode="after")
    def _is_read_from_one_place(self) -> Self:
        if (self.file is None) == (not self.selections):
            raise ValueError("give either a `file` of this folder, or `from` and which rows of what data")
        return self


class SplitEntry(Filled):
    """One split as `suite.yaml` states it.

    `without` names splits: cases that have their questions, or their evidence, are left out of this one. `evidence`
    says whether a case needs all its pieces of evidence, or any one.
    """

    kind: SplitKind
    as_of: date | None = None
    metrics: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    evidence: EvidenceNeed = "all"


class CorpusEntry(Filled):
    """The corpus as `suite.yaml` states it; a text is the name of its file."""

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, value: Any) -> Any:
        return {"file": value} if isinstance(value, str) else value


class SuiteFile(BaseModel):
    """The content of `suite.yaml`; the names of suite and splits become names of files in the run folder."""

    model_config = ConfigDict(extra="forbid")

    name: FileName
    description: str = ""
    base: BaseSettings | None = None
    prompt: PromptSettings = PromptSettings()
    decoding: DecodingSettings = DecodingSettings()
    sources: dict[FileName, SourceEntry] = {}
    corpus: CorpusEntry | None = None
    retrieval: dict[str, Any] = {}
    splits: dict[FileName, SplitEntry] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_its_splits(self) -> Self:
        absent = {name for split in self.splits.values() for name in split.without} - set(self.splits)
        if absent:
            raise ValueError(
                f"`without` names {', '.join(sorted(absent))}, and there is no such split; the splits are "
                f"{', '.join(self.splits)}"
            )
        return self


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
