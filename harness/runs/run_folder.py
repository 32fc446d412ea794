"""The folder of one run: where its records lie, written whole or not at all, and never outside of it.

Knows nothing of what the records mean. `run.json` is what makes a folder a run; written last, it holds the hash of
every record, so that a damaged one is noticed.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from harness.errors import InputError
from harness.runs.fingerprint import JSON, fingerprint
from harness.runs.locks import locked, remove_lock
from harness.runs.manifest import StoredFile, stored
from harness.runs.storage import PART, storage_errors, sweep, write_atomic

RUN_SCHEMA = "harness.run/1"
MANIFEST = "run.json"
REMEDY = "Free space there, or choose another folder with --out; what was finished is reused."
_FILES, _SEAL = "files", "seal"
_RECORDS = ".records"  # whose lock is that of all records
_MARKS = (f'"schema": "{RUN_SCHEMA}"'.encode(), f'"{_SEAL}": "'.encode())  # a flipped byte leaves one of them
_SHOWN = 10  # damaged files told of one run
_GONE = "is missing"
_DAMAGED = (
    f"Nothing is concluded from files that are not as the run wrote them ({MANIFEST} holds their hashes): a disk "
    "damaged them or someone edited them. Repeat the command that made the run; it writes them anew from the cache."
)


class RunFolder:
    """A run on disk, new or begun before."""

    def __init__(self, path: Path) -> None:
        """Opens the run at `path`, or begins one there; raises InputError for a folder that holds something else."""
        self.path = path.absolute()
        if _is_run(path):
            return
        if path.exists() and not (path.is_dir() and _is_empty(path)):
            raise InputError(
                f"{path}: holds files but no {MANIFEST} of a run, and a run would overwrite them. "
                "Choose a new or an empty folder."
            )
        self.write_manifest({})

    @classmethod
    def existing(cls, path: Path) -> "RunFolder":
        """The run at `path`; raises InputError if there is none."""
        if not _is_run(path):
            raise InputError(f"{path}: is no run (it has no {MANIFEST} of one). Give the folder that a run wrote.")
        return cls(path)

    def write_manifest(self, content: Mapping[str, JSON]) -> Path:
        """Writes `run.json`: `content` with the schema before it."""
        return self.write_json(MANIFEST, {"schema": RUN_SCHEMA, **content})

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Inside, no other command writes records here: of two with one run folder, the later one's stay, whole.

        Waits for another that does. Raises CacheError where the folder can't be written.
        """
        place = self.path / _RECORDS
        with storage_errors(self.path, "the records", REMEDY), locked(place, "writing"):
            try:
                yield
            finally:
                remove_lock(place)

    def finish(self, content: Mapping[str, JSON], records: Iterable[Path]) -> Path:
        """Writes `run.json`, last of all: `content`, and the hash and size of each of the files `records`.

        They are what `verify` holds the run to later; the manifest is sealed with a hash of itself.
        """
        paths = {path.absolute().relative_to(self.path).as_posix(): path for path in records}
        files = {name: stored(paths[name]).model_dump() for name in sorted(paths)}
        manifest: dict[str, JSON] = {"schema": RUN_SCHEMA, **content, _FILES: files}
        sweep(self.path)
        return self.write_json(MANIFEST, {**manifest, _SEAL: fingerprint(manifest)})

    def verify(self, names: Iterable[str] | None = None) -> None:
        """Holds the files `names`, or all of the run that are there, to what `run.json` says of them.

        Raises InputError that names every one that is damaged or was changed, and for a run that was never finished.
        """
        recorded = self._recorded()
        checked = recorded if names is None else names
        found = [(name, _damage(self._inside(name), recorded.get(name))) for name in checked]
        damaged = [f"{self.path / name}: {why}." for name, why in found if why and (names is not None or why != _GONE)]
        if damaged:
            more = [f"… and {len(damaged) - _SHOWN} more."] if len(damaged) > _SHOWN else []
            raise InputError("\n".join([*damaged[:_SHOWN], *more, _DAMAGED]))

    def _recorded(self) -> dict[str, StoredFile]:
        """What `run.json` says of the files of the run, by name; raises InputError if it is damaged or has none."""
        path = self._inside(MANIFEST)
        manifest = _fields(self.read_json(MANIFEST))
        if _FILES not in manifest and _SEAL not in manifest:
            raise InputError(
                f"{path}: holds no hashes of the run's files, so the run was not finished, or was made by an earlier "
                "version. Repeat the command that began it: what was finished is reused."
            )
        seal = manifest.pop(_SEAL, "")
        try:
            if seal != fingerprint(manifest):
                raise ValueError("not as it was sealed")
            return TypeAdapter(dict[str, StoredFile]).validate_python(manifest.get(_FILES))
        except ValueError:
            raise InputError(
                f"{path}: is damaged or was changed after the run was finished. Repeat the command that made the run: "
                "it writes it anew."
            ) from None

    def write_json(self, name: str | Path, value: JSON) -> Path:
        """Writes `value` to the file `name` of the run, indented; returns its path. Raises CacheError if it can't."""
        return self._write(name, json.dumps(value, indent=2, allow_nan=False) + "\n")

    def write_lines(self, name: str | Path, rows: Iterable[JSON]) -> Path:
        """Writes one line of JSON a row, all of them or none; returns the path. Raises CacheError if it can't."""
        return self._write(name, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows))

    def write_text(self, name: str | Path, text: str) -> Path:
        """Writes the ASCII `text` to the file `name` of the run; returns its path. Raises CacheError if it can't."""
        return self._write(name, text)

    def read_json(self, name: str | Path) -> Any:
        """What the file `name` of the run holds; raises InputError if it is missing or broken."""
        path = self._inside(name)
        return _parse(_text(path), str(path))

    def read_lines(self, name: str | Path) -> list[Any]:
        """The rows of the file `name` of the run; raises InputError with file and line for a broken one."""
        path = self._inside(name)
        lines = _text(path).split("\n")
        return [_parse(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()]

    def predictions_path(self, weights: str, context: str, split: str) -> Path:
        """Where the predictions of one variant on one split lie; raises InputError for a name that is no file name."""
        for name in (weights, context, split):
            if not name or name in {".", ".."} or any(character in name for character in "/\\\0"):
                raise InputError(
                    f"{name!r} can't be part of a path in {self.path}, where its predictions would lie. "
                    "Use a name without slashes."
                )
        return self._inside(Path("predictions", weights, context, f"{split}.jsonl"))

    def _write(self, name: str | Path, text: str) -> Path:
        path = self._inside(name)
        with storage_errors(self.path, str(name), REMEDY):
            write_atomic(path, text.encode("ascii"))  # json escapes the rest, lone surrogates of hostile texts included
        return path

    def _inside(self, name: str | Path) -> Path:
        path = self.path / name
        if not path.resolve().is_relative_to(self.path.resolve()):
            raise InputError(
                f"{name}: lies outside the run {self.path}, which keeps all its files inside. Mend the name."
            )
        return path


def _is_run(path: Path) -> bool:
    """Whether a run was begun at `path`; also where its manifest is damaged, so that it can be written anew."""
    try:
        content = (path / MANIFEST).read_bytes()
    except OSError:
        return False
    return any(mark in content for mark in _MARKS)


def _fields(content: Any) -> dict[str, Any]:
    return content if isinstance(content, dict) else {}


def _damage(path: Path, recorded: StoredFile | None) -> str:
    """Why the file at `path` isn't the one that was `recorded`; "" if it is."""
    if not path.is_file():
        return _GONE if recorded else ""  # whoever needs it says so
    if recorded is None:
        return "was added after the run was finished"
    return "" if stored(path) == recorded else "has other bytes than the run wrote"


def _is_empty(folder: Path) -> bool:
    return all(path.suffix == PART for path in folder.iterdir())  # a run that was killed while it began left a part


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: can't be read ({error}). Repeat the run that should have written it.") from error


def _parse(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: not valid JSON ({error}). Repeat the run that wrote it.") from error
