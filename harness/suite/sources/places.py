"""Finds the files of a selection: in the suite's own folder, in the user's folder of data, or on the hub."""

import os.path
from dataclasses import dataclass
from pathlib import Path

from harness.errors import InputError
from harness.suite.sources.folders import DataFolder
from harness.suite.sources.hub import fetch, split_files
from harness.suite.sources.settings import Selection, SourceEntry


class MissingSourceError(InputError):
    """The data of a source aren't there: the user must say where they are."""


@dataclass(frozen=True)
class Place:
    """The files of a selection, or one folder for a format that reads folders, and where they came from, in words."""

    folder: DataFolder
    files: tuple[str, ...]
    origin: str
    by_suffix: bool  # a split of a hub's set, whose files needn't have the format that was stated for `file`


def find(suite: Path, data: Path | None, source: SourceEntry, selection: Selection) -> Place:
    """Where a selection's files are; raises InputError, or MissingSourceError where the source itself is absent."""
    name, file, split = selection.source, selection.file, selection.split
    if name is None:
        if file is None:
            raise InputError("names neither a `source` nor a `file`; give one, or both")
        return Place(DataFolder(suite, suite.name, suite), (file,), "the suite", by_suffix=False)
    local = inside_data(data, source.path or name) if data else None
    if local:
        folder, origin = DataFolder(local, name, local), f"the folder {source.path or name} of --data"
    elif source.hub:
        snapshot = fetch(source.hub, None if split else file, split)
        folder = DataFolder(snapshot, name, snapshot.parents[1])  # its files are links into the hub's cache
        origin = source.hub.page
    else:
        raise MissingSourceError(f"the source {name!r} isn't there")
    if split and (file is None or not local):
        config = source.hub.config if source.hub else None
        return Place(folder, tuple(split_files(folder.root, config, split)), origin, by_suffix=True)
    return Place(folder, (file or "",), origin, by_suffix=False)


def inside_data(data: Path, name: str) -> Path | None:
    """The folder of that name inside the folder of data; None if there is none, InputError if it lies elsewhere."""
    folder = data / name
    if not os.path.isdir(folder):  # not Path.is_dir, which raises for a name that no folder can have
        return None
    if not folder.resolve().is_relative_to(data.resolve()):
        raise InputError(f"{folder}: lies outside the folder of data, {data}; put it inside")
    return folder
