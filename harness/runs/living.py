"""Which processes use a cache right now: each holds a lock file of its own there until it ends.

What any of them may have used, which is all that was used since the oldest began, must not be removed. Knows nothing of
artifacts.
"""

import atexit
import os
import uuid
from contextlib import suppress
from pathlib import Path

from filelock import BaseFileLock

from harness.runs.locks import LOCK, remove_lock, try_lock

FOLDER = ".running"

_held: dict[tuple[int, Path], tuple[Path, BaseFileLock | None]] = {}


def live(root: Path) -> None:
    """Lets others know, until this process ends, that it uses `root`; where nothing can be written, nobody is told."""
    here = (os.getpid(), root)
    if here in _held:
        return
    mark = root / FOLDER / uuid.uuid4().hex
    _held[here] = (mark, None)
    with suppress(OSError):
        mark.parent.mkdir(parents=True, exist_ok=True)
        _held[here] = (mark, try_lock(mark))
        if len(_held) == 1:
            atexit.register(_end)


def oldest_began(root: Path) -> float | None:
    """When the oldest living process began to use `root`, in seconds since the epoch; None if there is none.

    Removes what dead processes left. Raises OSError where locks can't be tried.
    """
    began = []
    for path in sorted((root / FOLDER).glob(f"*{LOCK}")):
        mark = path.with_suffix("")
        lock = try_lock(mark)
        if lock is not None:
            remove_lock(mark)
            lock.release()
        else:
            with suppress(FileNotFoundError):  # it has ended this moment
                began.append(path.stat().st_mtime)
    return min(began, default=None)


def _end() -> None:
    for (pid, _), (mark, lock) in _held.items():
        if pid == os.getpid() and lock is not None:
            remove_lock(mark)
