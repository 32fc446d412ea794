"""A row of somebody's file and where it stands, before anything is made of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from harness.suite.sources.folders import DataFolder


@dataclass(frozen=True)
class Row:
    """The fields of one row; `place` is where it stands (`file:line`) and `id` a name that it always has."""

    place: str
    id: str
    fields: dict[str, Any]


@dataclass
class Findings:
    """What is wrong with the data, a sentence each, and what was mended or left out and is worth telling."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class NoOptions(BaseModel):
    """A format that has no options."""

    model_config = ConfigDict(extra="forbid")


Reader = Callable[[DataFolder, str, Any, Findings], Iterator[Row]]
"""Reads the rows of a file: (folder, name of the file in it, options, findings); wrong rows go to the findings."""


@dataclass(frozen=True)
class Format:
    """How files of one kind are read.

    `documents` reads what documents are made of, where that isn't the rows that cases are made of; `case` and
    `document` are the mappings that suit the format, for selections without one.
    """

    rows: Reader
    documents: Reader | None = None
    options: type[BaseModel] = NoOptions
    case: dict[str, Any] | None = None
    document: dict[str, Any] | None = None
