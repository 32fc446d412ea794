"""The content-addressed cache: builds an artifact once, and hands it on only while it is what was built.

An artifact's key covers all of its inputs, so the cache is never out of date; it knows nothing of what an artifact
holds. On disk::

    ROOT/KIND/KEY.lock              held while the artifact is built; the system frees it when a process dies
    ROOT/KIND/KEY.building/         an unfinished build
    ROOT/KIND/KEY.unfinished/       what an interrupted build left for the next one to go on from
    ROOT/KIND/KEY/manifest.json     the inputs, and the hash and size of each file
    ROOT/KIND/KEY/files/            what the build wrote
    ROOT/KIND/KEY/                  or, of kinds that many runs add to, what they keep there
"""

import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from harness.errors import CacheError, InputError
from harness.runs.fingerprint import JSON, fingerprint
from harness.runs.manifest import Manifest, describe, read_manifest
from harness.runs.storage import storage_errors, sync, sync_tree

CACHE_VARIABLE = "HARNESS_CACHE"
REMEDY = (
    f"Free space there, or set {CACHE_VARIABLE} to a folder that can be written and has room; "
    "then repeat the command: what was finished is reused."
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Artifact:
    """A finished artifact: read its files under `path`, never change them."""

    path: Path
    key: str
    hash: str  # over the names and bytes of the files
    reused: bool
    seconds: float  # of the build, also when it was reused
    bytes: int  # size of all files


def default_cache_root() -> Path:
    """The folder that HARNESS_CACHE names, or else the user's cache folder."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser().absolute() if chosen else user_cache_path("harness", appauthor=False)


def artifact_key(kind: str, inputs: Mapping[str, JSON]) -> str:
    """The key of the artifact of that kind that is built from those inputs: 64 hex digits."""
    return fingerprint({"kind": kind, "inputs": inputs})


class Cache:
    """Artifacts by content under one root folder, which many processes may share."""

    def __init__(self, root: Path | None = None) -> None:
        """`root` defaults to `default_cache_root()`; it is made when the first artifact is built."""
        self.root = default_cache_root() if root is None else root

    def artifact(self, kind: str, inputs: Mapping[str, JSON], build: Callable[[Path], None]) -> Artifact:
        """The artifact of `kind` for `inputs`, built by `build(folder)` unless an intact one is there.

        `inputs` must hold all that the files depend on. A damaged artifact is logged as a warning, dropped and built
        again. While another process builds the same artifact, this one waits for it. Raises CacheError when it can't
        be stored, and whatever `build` raises; either way nothing that it wrote to its folder is left behind.
        """
        found = self.find(kind, inputs)  # without the lock, so that a read-only cache still serves what it has
        if found is not None:
            return found
        place = self._place(kind, inputs)
        with storage_errors(self.root, f"the {kind} artifact", REMEDY):
            place.parent.mkdir(parents=True, exist_ok=True)
            with _exclusive(place):
                found, problem = _read(place)  # again: another process may have built it meanwhile
                if problem is not None:
                    logger.warning("%s: the cached artifact is damaged (%s), so it is built again.", place, problem)
                return found or _build(place, kind, inputs, build)

    def unfinished(self, kind: str, inputs: Mapping[str, JSON]) -> Path:
        """A folder, to be made by the build of that artifact and used by it alone, that outlives a build that fails.

        What a build leaves there the next one finds, in this process or another; nobody else uses it meanwhile, since
        builds of one artifact exclude each other. When the artifact is finished the folder is removed.
        """
        return _unfinished(self._place(kind, inputs))

    def folder(self, kind: str, inputs: Mapping[str, JSON]) -> Path:
        """A folder that all who need the same `inputs` add to; never finished, so they check what it holds."""
        return self._place(kind, inputs)

    def find(self, kind: str, inputs: Mapping[str, JSON]) -> Artifact | None:
        """The artifact of `kind` for `inputs` if it is there and intact, every byte of it, else None."""
        return _read(self._place(kind, inputs))[0]

    def get(self, kind: str, key: str) -> Artifact | None:
        """The artifact of `kind` with that key, as an earlier run recorded it, if it is there and intact."""
        return _read(self.root / kind / key)[0]

    def _place(self, kind: str, inputs: Mapping[str, JSON]) -> Path:
        if not re.fullmatch(r"[a-z][a-z0-9-]*", kind):
            raise ValueError(
                f"the kind of an artifact names a folder: lower-case letters, digits and '-', not {kind!r}"
            )
        return self.root / kind / artifact_key(kind, inputs)


def _read(place: Path) -> tuple[Artifact | None, str | None]:
    """The artifact at `place` if it is intact, and otherwise what is wrong with it (nothing if it is just absent)."""
    if not place.exists():
        return None, None
    try:
        manifest = read_manifest(place / "manifest.json")
        if artifact_key(manifest.kind, manifest.inputs) != place.name:
            return None, "its manifest belongs to another artifact"
        problem = manifest.damage(place / "files")
    except (InputError, OSError) as error:
        return None, str(error)
    return (None, problem) if problem else (_artifact(place, manifest, reused=True), None)


def _build(place: Path, kind: str, inputs: Mapping[str, JSON], build: Callable[[Path], None]) -> Artifact:
    """Builds beside `place`, then renames: whatever happens before that, nothing at `place` looks finished."""
    building = place.with_name(f"{place.name}.building")
    shutil.rmtree(building, ignore_errors=True)  # a killed process may have left it
    try:
        files = building / "files"
        files.mkdir(parents=True)
        begun = time.perf_counter()
        build(files)
        manifest = describe(kind, dict(inputs), files, time.perf_counter() - begun)
        if not manifest.files:
            raise CacheError(f"The build of the {kind} artifact wrote no file, so there is nothing to keep.")
        manifest.write(building / "manifest.json")
        sync_tree(building)
        if place.exists():
            shutil.rmtree(place)  # damaged
        building.rename(place)
        sync(place.parent)
        shutil.rmtree(_unfinished(place), ignore_errors=True)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return _artifact(place, manifest, reused=False)


def _unfinished(place: Path) -> Path:
    return place.with_name(f"{place.name}.unfinished")


def _artifact(place: Path, manifest: Manifest, *, reused: bool) -> Artifact:
    return Artifact(place / "files", place.name, manifest.hash, reused, manifest.seconds, manifest.size)


@contextmanager
def _exclusive(place: Path) -> Iterator[None]:
    """Holds the lock of the artifact at `place`, and says so when it has to wait for another process."""
    lock = FileLock(place.with_name(f"{place.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.info("%s: another process is building this artifact; waiting for it.", place)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
