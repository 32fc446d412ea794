"""Names things by their content: values, files, folders, source code and library versions.

What goes into a fingerprint is the caller's choice; this module only sees to it that equal content, and nothing
else, gives an equal name.
"""

import hashlib
import importlib.util
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

from harness.errors import InputError

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"


def fingerprint(value: JSON) -> str:
    """SHA-256, in hex, of `value` as canonical JSON: the order of keys doesn't count, that of lists does.

    Raises TypeError for a key that is no string (JSON would write 1 and "1" alike) or a value that is no JSON,
    and ValueError for a NaN or an infinity, which equal nothing.
    """
    _check_keys(value)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256, in hex, of the bytes of a file; raises InputError if it can't be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}), so it can't be told from others.") from error


def file_hashes(folder: Path, patterns: Sequence[str] = ("*",)) -> dict[str, str]:
    """The SHA-256 of each file under `folder` whose name matches one of the glob `patterns`, by relative path."""
    files = {path for pattern in patterns for path in folder.rglob(pattern) if path.is_file()}
    return {path.relative_to(folder).as_posix(): file_hash(path) for path in sorted(files)}


def folder_hash(path: Path, patterns: Sequence[str] = ("*",)) -> str:
    """One SHA-256 over the relative names and the bytes of the files that match, wherever the folder lies.

    Raises InputError if nothing matches: all empty folders are equal, so their hash would identify nothing.
    """
    hashes = file_hashes(path, patterns)
    if not hashes:
        raise InputError(f"{path}: no file matches {', '.join(patterns)}, so there is nothing to hash. Check the path.")
    return fingerprint(hashes)


def code_hash(*modules: ModuleType | str) -> str:
    """One SHA-256 over the source files of modules and packages, given as such or by name (they aren't imported).

    As part of an artifact's inputs it makes an artifact that older code built a different artifact.
    Raises ModuleNotFoundError for a name that is none.
    """
    names = sorted({module if isinstance(module, str) else module.__name__ for module in modules})
    return fingerprint({name: _source_hashes(name) for name in names})


def library_versions(names: Iterable[str]) -> dict[str, str | None]:
    """The installed version of each distribution (None where it is absent), without importing any."""
    return {name: _version(name) for name in sorted(names)}


def _check_keys(value: JSON) -> None:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise TypeError(f"a fingerprint needs keys that are strings, not {key!r}")
            _check_keys(inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            _check_keys(inner)


def _source_hashes(name: str) -> dict[str, str]:
    return {relative: file_hash(path) for relative, path in sorted(_source_files(name))}


def _source_files(name: str) -> Iterator[tuple[str, Path]]:
    spec = importlib.util.find_spec(name)
    if spec is None:
        raise ModuleNotFoundError(f"there is no module {name!r} whose code could be hashed", name=name)
    if spec.submodule_search_locations is None:
        path = Path(spec.origin or "")
        yield path.name, path
        return
    for location in spec.submodule_search_locations:
        for path in Path(location).rglob("*.py"):
            yield path.relative_to(location).as_posix(), path


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
