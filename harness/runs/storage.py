"""Writes files so that a reader sees all of one or none, and says in plain words why a place can't be written.

Knows nothing of what is stored.
"""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import CacheError, HarnessError

PART = ".part"  # the suffix of a file that is being written
_FULL = {errno.ENOSPC, errno.EDQUOT}
_UNWRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ENOENT, errno.EEXIST, errno.EFBIG}


def lost_file(error: Exception, root: Path) -> CacheError | None:
    """What to say of `error` if it means that a file of the cache at `root`, there a moment ago, is gone; else None."""
    lost = None if isinstance(error, HarnessError) else _lost(error, root)
    if lost is None:
        return None
    return CacheError(
        f"{lost}: is gone from the cache, where it was a moment ago, so somebody removed it meanwhile. Repeat the "
        "command: it is built again, and everything else is reused. (`harness cache prune` spares what is in use.)"
    )


@contextmanager
def storage_errors(place: Path, what: str, remedy: str) -> Iterator[None]:
    """Turns a full disk, or a `place` that can't be written, into a CacheError that names the remedy.

    `what` is being stored, for the message. Every other error passes through unchanged.
    """
    try:
        yield
    except HarnessError:
        raise  # it says already what is wrong
    except Exception as error:
        reason = _reason(error, place)
        if reason is None:
            raise
        raise CacheError(f"{place}: {what} can't be stored: {reason}. Nothing unfinished is kept. {remedy}") from error


def write_atomic(path: Path, content: bytes) -> None:
    """Writes `content` to `path` so that after a crash the file is the old one or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    own = f"{secrets.token_hex(4)}.{os.getpid()}"  # in two containers processes have the same number
    temporary = path.with_name(f".{path.name}.{own}{PART}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync(path.parent)


def sweep(folder: Path) -> None:
    """Removes what `write_atomic` left half-written under `folder` in a process that is no more."""
    for path in folder.rglob(f".*{PART}"):
        owner = path.name.removesuffix(PART).rpartition(".")[2]
        if owner.isdecimal() and not _alive(int(owner)):
            path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Waits until a file's content, or a folder's list of names, is on the disk."""
    if os.name == "nt":
        return  # Windows can't open a folder, nor flush what is open for reading
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Waits until every file and folder under `folder`, itself included, is on the disk."""
    for path in folder.rglob("*"):
        sync(path)
    sync(folder)


def _alive(process: int) -> bool:
    """Whether a `process` of that number runs on this machine."""
    if os.name == "nt":
        return True  # where signal 0 would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it is another user's
    return True


def _reason(error: Exception, place: Path) -> str | None:
    """Why `error` means that `place` can't take what is written to it, or None if it means something else."""
    number = error.errno if isinstance(error, OSError) else _errno_in(str(error))
    if number in _FULL:
        return f"{os.strerror(number)} (it needs more than the {_free_megabytes(place)} MB that are free)"
    if number in _UNWRITABLE and isinstance(error, OSError) and _within(error.filename, place):
        return f"{os.strerror(number)}: {error.filename or place}"
    return None


def _lost(error: Exception, root: Path) -> Path | None:
    """Which file below `root` the error says is missing."""
    named = error.filename if isinstance(error, OSError) else None
    if isinstance(error, FileNotFoundError) and isinstance(named, str | os.PathLike):
        path = Path(named).absolute()
        return path if path.is_relative_to(root.absolute()) else None
    message = str(error)  # safetensors and FAISS
    missing = os.strerror(errno.ENOENT) in message and str(root.absolute()) in message
    return root if missing else None


def _errno_in(message: str) -> int:
    # safetensors, torch and FAISS write with native code, and tell of a full disk in an error of their own kind
    return next((number for number in _FULL if os.strerror(number) in message), 0)


def _within(filename: object, place: Path) -> bool:
    """Whether the error is about `place`: a file that may not be read elsewhere says nothing about the storage."""
    if filename is None:
        return True
    return isinstance(filename, str | os.PathLike) and _related(Path(filename).absolute(), place.absolute())


def _related(path: Path, place: Path) -> bool:
    return path.is_relative_to(place) or place.is_relative_to(path)


def _free_megabytes(place: Path) -> str:
    existing = next((path for path in (place, *place.absolute().parents) if path.exists()), place)
    try:
        return f"{shutil.disk_usage(existing).free / 1e6:.0f}"
    except OSError:
        return "an unknown number of"
