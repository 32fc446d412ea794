"""What lies in a cache: how much, how old, and whether it is intact. Knows nothing of what an artifact means."""

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from harness.errors import CacheError, UnknownNameError
from harness.runs.artifacts import BUILDING, FILES, MANIFEST, REMOVED, UNFINISHED, Reader, remove_tree
from harness.runs.fingerprint import file_hash
from harness.runs.locks import LOCK, MARKER, remove_lock, try_lock

_KEY = re.compile(r"[0-9a-f]{64}")


class State(StrEnum):
    """In which state of its life something in the cache is."""

    FINISHED = "finished"
    GROWING = "growing"  # what many runs add to
    BUILDING = "building"  # a build at work, and its checkpoints
    UNFINISHED = "unfinished"  # what an interrupted build left for the next one
    ABANDONED = "abandoned"  # a build or a removal whose process died


_STATES = {BUILDING: State.ABANDONED, REMOVED: State.ABANDONED, UNFINISHED: State.UNFINISHED}


@dataclass(frozen=True)
class Entry:
    """One folder of the cache, with the bytes of its files and when it was used last, in seconds since the epoch."""

    kind: str
    key: str
    state: State
    path: Path
    files: int
    bytes: int
    used: float

    @property
    def place(self) -> Path:
        """Where the finished artifact of that key lies or would lie, whose lock covers this too."""
        return self.path.with_name(self.key)

    @property
    def name(self) -> str:
        """The path below the cache's root."""
        return f"{self.kind}/{self.path.name}"


def entries(root: Path, kind: str | None = None) -> list[Entry]:
    """All that lies in the cache at `root`, or of one kind.

    Raises UnknownNameError for a kind that it has nothing of, and CacheError where it can't be read.
    """
    try:
        kinds = [path for path in sorted(root.iterdir()) if path.is_dir() and not path.name.startswith(".")]
        if kind is not None and kinds and root / kind not in kinds:
            raise UnknownNameError("kind", kind, [path.name for path in kinds], place=str(root))
        folders = [(k, path) for k in kinds if kind in {None, k.name} for path in sorted(k.iterdir())]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CacheError(f"{root}: the cache can't be read ({error}). Name another with HARNESS_CACHE.") from error
    found = (_entry(k.name, path) for k, path in folders)
    return [entry for entry in found if entry is not None]


def damages(entry: Entry) -> list[tuple[Path, str]]:
    """What has to be removed of `entry` since it is damaged, and why; what is unfinished checks itself when used."""
    if entry.state is State.FINISHED:
        _, problem = Reader().read(entry.path)
        return [(entry.path, problem)] if problem and entry.path.exists() else []
    if entry.state is State.GROWING:
        return [(path, "its content isn't what was written") for path in _contents(entry.path) if _altered(path)]
    return []


def remove(entry: Entry, paths: Sequence[Path] | None = None) -> bool:
    """Removes `entry`, or only `paths` of it, unless a process holds its lock or has used it meanwhile; True if it did.

    Raises CacheError where it can't be removed.
    """
    try:
        lock = try_lock(entry.place)
        if lock is None:
            return False
        try:
            if _used(entry.path, entry.state) > entry.used:
                return False
            for path in [entry.path] if paths is None else paths:
                _remove(path)
            if not _anything_at(entry.place):
                remove_lock(entry.place)
        finally:
            lock.release()
    except FileNotFoundError:
        return False  # another process was quicker
    except OSError as error:
        raise CacheError(
            f"{entry.path}: can't be removed ({error}). It stays as it is, and takes its room. Run this as a user who "
            "may write to the cache, where it isn't mounted read-only."
        ) from error
    return True


def sweep_locks(root: Path) -> None:
    """Removes the lock files of which nothing else is left, and of which none is held."""
    for path in sorted(root.glob("[!.]*/*")):
        place = path.with_suffix("")
        if path.suffix in {LOCK, MARKER} and not _anything_at(place):
            with suppress(OSError):
                lock = try_lock(place)
                if lock is not None:
                    remove_lock(place)
                    lock.release()


def _entry(kind: str, path: Path) -> Entry | None:
    key, dot, ending = path.name.partition(".")
    if not _KEY.fullmatch(key) or not path.is_dir():
        return None
    state = _STATES.get(dot + ending) if dot else _finished_or_growing(path)
    if state is None:
        return None
    if dot and _is_locked(path.with_name(key)):
        state = State.BUILDING
    sizes = [size for size in map(_size, path.rglob("*")) if size is not None]
    with suppress(FileNotFoundError):
        return Entry(kind, key, state, path, len(sizes), sum(sizes), _used(path, state))
    return None  # it was removed this moment


def _finished_or_growing(path: Path) -> State:
    return State.FINISHED if (path / MANIFEST).exists() or (path / FILES).is_dir() else State.GROWING


def _is_locked(place: Path) -> bool:
    """Whether a living process holds the lock of `place`; nothing is made to find out."""
    if not any(place.with_name(place.name + ending).exists() for ending in (LOCK, MARKER)):
        return False
    with suppress(OSError):  # a lock that can't be tried, in a read-only cache, is nobody's who could build there
        lock = try_lock(place)
        if lock is None:
            return True
        lock.release()
    return False


def _anything_at(place: Path) -> bool:
    """Whether an artifact lies at `place`, or what a build or removal of it left beside."""
    return any(place.with_name(place.name + ending).exists() for ending in ("", *_STATES))


def _used(path: Path, state: State) -> float:
    """The time of the last use, in seconds since the epoch: that of the manifest, or of the newest file."""
    manifest = path / MANIFEST
    if state is State.FINISHED and manifest.exists():
        return manifest.stat().st_mtime
    times = [path.stat().st_mtime]
    for inner in path.rglob("*"):
        with suppress(FileNotFoundError):
            times.append(inner.stat().st_mtime)
    return max(times)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size if path.is_file() else None
    except FileNotFoundError:
        return None


def _contents(folder: Path) -> Iterator[Path]:
    """The files that are named by the hash of their content."""
    return (path for path in sorted(folder.iterdir()) if _KEY.fullmatch(path.stem) and path.is_file())


def _altered(path: Path) -> bool:
    return path.exists() and file_hash(path) != path.stem


def _remove(path: Path) -> None:
    if path.is_file():
        path.unlink()
    elif _KEY.fullmatch(path.name):
        remove_tree(path)  # at once, since others may be reading it
    else:
        shutil.rmtree(path)
