"""Locks between processes that share a folder. Knows nothing of what is locked.

The operating system frees a lock when its process dies, so a dead process never holds anybody up. Where a file system
has no such locks (some network shares) a marker file stands for one. It names its process: that of a dead process of
this machine is taken over, but that of another machine that is gone has to be removed by hand.
"""

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

LOCK, MARKER = ".lock", ".softlock"  # an empty lock file would look like a marker that holds for ever
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP}
_FOREVER = -1.0

logger = logging.getLogger(__name__)


def try_lock(place: Path) -> BaseFileLock | None:
    """The lock of `place`, held until it is released or this process ends; None if another process holds it.

    Raises OSError where no lock file can be made.
    """
    try:
        return _acquire(place, 0)
    except Timeout:
        return None


@contextmanager
def locked(place: Path, doing: str = "building") -> Iterator[None]:
    """Holds the lock of `place`; says so, once, when it has to wait for what another process is `doing`.

    Raises as `try_lock`.
    """
    lock = try_lock(place)
    if lock is None:
        logger.info("%s: another process is %s this; waiting for it.", place, doing)
        lock = _acquire(place, _FOREVER)
    try:
        yield
    finally:
        lock.release()


def remove_lock(place: Path) -> None:
    """Removes the lock files of `place`, which the caller holds; who waits for them then makes and locks new ones."""
    for ending in (LOCK, MARKER):
        with suppress(OSError):  # Windows can't remove what is open
            _beside(place, ending).unlink(missing_ok=True)


def _acquire(place: Path, timeout: float) -> BaseFileLock:
    lock: BaseFileLock = FileLock(_beside(place, LOCK), fallback_to_soft=False)
    try:
        lock.acquire(timeout=timeout)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        lock = SoftFileLock(_beside(place, MARKER))
        lock.acquire(timeout=timeout)
    return lock


def _beside(place: Path, ending: str) -> Path:
    return place.with_name(place.name + ending)
