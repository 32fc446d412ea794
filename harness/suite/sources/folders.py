"""The folder that a source's files are taken from: none outside it is opened, and what was read is remembered."""

import os.path
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from harness.errors import InputError


@dataclass
class DataFolder:
    """A folder of data. `boundary` is what no link may leave; `read` are the files opened so far, by their names.

    `label` is the name of the source that it belongs to, which ids and messages begin with.
    """

    root: Path
    label: str
    boundary: Path
    read: dict[str, Path] = field(default_factory=dict)

    def file(self, name: str) -> Path:
        """The path of a file of the folder; raises InputError if there is none, or if it lies outside."""
        path = self.root / name
        if not os.path.isfile(path):  # not Path.is_file, which raises for a name that no file can have
            raise InputError(f"{self.root}: there is no file {name!r}, which suite.yaml names; add it or mend the name")
        if not path.resolve().is_relative_to(self.boundary.resolve()):
            raise InputError(f"{self.root}: the file {name!r} lies outside that folder; put it inside")
        self.read[name] = path
        return path

    def folder(self, name: str) -> Path:
        """The path of a folder in this one; raises InputError if there is none, or if it lies outside."""
        path = self.root / name
        if not os.path.isdir(path):
            raise InputError(
                f"{self.root}: there is no folder {name!r}, which suite.yaml names; add it or mend the name"
            )
        if not path.resolve().is_relative_to(self.boundary.resolve()):
            raise InputError(f"{self.root}: the folder {name!r} lies outside that folder; put it inside")
        return path

    def id_of(self, name: str) -> str:
        """What the ids of a file's rows begin with, if they have none of their own: source and file, without spaces."""
        return "_".join(f"{self.label}/{PurePosixPath(name).with_suffix('')}".split())
