"""The folders that a run writes to: whether they can be written, what room there is, and what the cache holds."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from harness._secrets import scrub
from harness.pipeline.doctor.check import Check
from harness.runs import CACHE_VARIABLE, default_cache_root

SHARED_VARIABLE = "HARNESS_SHARED_CACHE"
LEAST_ROOM = 1e9  # bytes
MOST_FILES = 200_000  # that are counted: a cache on a network share isn't walked through for minutes


def folders() -> Iterator[Check]:
    """The cache, the shared cache where there is one, and the current folder, where runs are written."""
    root = default_cache_root()
    because = f"by {CACHE_VARIABLE}" if os.environ.get(CACHE_VARIABLE) else f"default; {CACHE_VARIABLE} chooses another"
    remedy = f"Set {CACHE_VARIABLE} to a folder that can be written and has room."
    yield _folder("cache", root, f"{because}; {_held(root)}", remedy)
    if shared := os.environ.get(SHARED_VARIABLE):
        yield Check("folders", "shared cache", "fact", f"{scrub(shared)} by {SHARED_VARIABLE}; not asked")
    yield _folder("here", Path.cwd(), "where runs are written", "Change to another folder, or give --out.")


def _folder(name: str, path: Path, aside: str, remedy: str) -> Check:
    """One folder, which need not exist yet."""
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    room = shutil.disk_usage(existing).free
    told = f"{path} ({aside}); {_size(room)} free"
    problem = _unwritable(existing)
    if problem:
        return Check("folders", name, "wrong", f"{told}; can't be written: {problem}", remedy)
    return Check("folders", name, "lacking" if room < LEAST_ROOM else "fine", told, remedy if room < LEAST_ROOM else "")


def _unwritable(folder: Path) -> str:
    """Why nothing can be written in `folder`, found by trying; "" where it can."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".harness-doctor-") as file:
            file.write(b"?")
            file.flush()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _held(root: Path) -> str:
    """What the cache holds, in files and bytes."""
    if not root.is_dir():
        return "not made yet"
    files = size = 0
    for folder, _, names in os.walk(root):
        for name in names:
            try:
                size += os.stat(os.path.join(folder, name)).st_size
            except OSError:
                continue  # built or dropped by another process meanwhile
            files += 1
        if files > MOST_FILES:
            return f"holds more than {_size(size)}"
    return f"holds {_size(size)} in {files:,} files"


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
