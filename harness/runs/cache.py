"""The content-addressed cache: builds an artifact once, and hands it on only while it is what was built.

An artifact's key covers all of its inputs, so the cache is never out of date; it knows nothing of what an artifact
holds. On disk::

    ROOT/KIND/KEY.lock              held while the artifact is built; the system frees it when a process dies
    ROOT/KIND/KEY.building/         an unfinished build
    ROOT/KIND/KEY.unfinished/       what an interrupted build left for the next one to go on from
    ROOT/KIND/KEY/manifest.json     the inputs, and the hash and size of each file; its time is that of the last use
    ROOT/KIND/KEY/files/            what the build wrote
    ROOT/KIND/KEY/shared-…          says that a shared store has the artifact too
    ROOT/KIND/KEY/                  or, of kinds that many runs add to, what they keep there
    ROOT/.running/                  a lock for each process that uses the cache
"""

import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from platformdirs import user_cache_path

from harness.errors import InputError
from harness.runs.artifacts import (
    MANIFEST,
    UNFINISHED,
    Artifact,
    Reader,
    artifact_key,
    beside,
    build_artifact,
    put_artifact,
    touch_used,
)
from harness.runs.fingerprint import JSON, fingerprint
from harness.runs.fsspec_storage import SHARED_VARIABLE, FsspecStorage
from harness.runs.living import live
from harness.runs.locks import locked
from harness.runs.manifest import read_manifest
from harness.runs.shared_store import DamagedError, SharedStore
from harness.runs.storage import storage_errors

CACHE_VARIABLE = "HARNESS_CACHE"
REMEDY = (
    f"Free space there (harness cache prune), or set {CACHE_VARIABLE} to a folder that can be written and has room; "
    "then repeat the command: what was finished is reused."
)

logger = logging.getLogger(__name__)


def default_cache_root() -> Path:
    """The folder that HARNESS_CACHE names, or else the user's cache folder.

    Raises InputError where it is in the home of a user whom this machine doesn't know.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    if not chosen:
        return user_cache_path("harness", appauthor=False)
    try:
        return Path(chosen).expanduser().absolute()
    except RuntimeError as error:
        raise InputError(
            f"{CACHE_VARIABLE}={chosen}: there is no such home folder, so the cache has no place. "
            f"Set {CACHE_VARIABLE} to the path of a folder."
        ) from error


class Cache:
    """Artifacts by content under one root folder, which many processes may share."""

    def __init__(self, root: Path | None = None, shared: str | None = None) -> None:
        """`root` defaults to `default_cache_root()`; it is made when the first artifact is built.

        `shared` is the URL of a store that several machines exchange artifacts through; it defaults to
        HARNESS_SHARED_CACHE, and "" is none. It is opened when something is first asked for.

        `told` is called with the kind of every artifact that was asked for, the artifact, and the
        `time.perf_counter()` at which it was.
        """
        self.root = default_cache_root() if root is None else root
        self.shared = (os.environ.get(SHARED_VARIABLE) if shared is None else shared) or None
        self.told: Callable[[str, Artifact, float], None] = _tell_nobody
        self._reader = Reader()
        self._opened: SharedStore | None = None

    def artifact(self, kind: str, inputs: Mapping[str, JSON], build: Callable[[Path], None]) -> Artifact:
        """The artifact of `kind` for `inputs`, built by `build(folder)` unless an intact one is there.

        `inputs` must hold all that the files depend on. A damaged artifact is logged as a warning, dropped and built
        again. While another process builds the same artifact, this one waits for it. Raises CacheError when it can't
        be stored, and whatever `build` raises; either way nothing that it wrote to its folder is left behind.
        """
        asked = time.perf_counter()
        artifact = self._artifact(kind, inputs, build)
        self.told(kind, artifact, asked)
        return artifact

    def unfinished(self, kind: str, inputs: Mapping[str, JSON]) -> Path:
        """A folder, to be made by the build of that artifact and used by it alone, that outlives a build that fails.

        What a build leaves there the next one finds, in this process or another; nobody else uses it meanwhile, since
        builds of one artifact exclude each other. When the artifact is finished the folder is removed.
        """
        return beside(self._place(kind, inputs), UNFINISHED)

    def folder(self, kind: str, inputs: Mapping[str, JSON]) -> Path:
        """A folder that all who need the same `inputs` add to; never finished, so they check what it holds.

        Files that are named by the SHA-256 of their content, with any ending, `harness cache verify` checks as well.
        Who adds to it holds its lock (`locked`).
        """
        place = self._place(kind, inputs)
        live(self.root)
        touch_used(place)
        return place

    def find(self, kind: str, inputs: Mapping[str, JSON]) -> Artifact | None:
        """The artifact of `kind` for `inputs` if it is there or in the shared store, every byte intact, else None.

        Raises CacheError if the shared store can't be reached, or what it has can't be stored here.
        """
        return self._find(self._place(kind, inputs))

    def get(self, kind: str, key: str) -> Artifact | None:
        """The artifact of `kind` with that key, as an earlier run recorded it, found as by `find`."""
        return self._find(self.root / kind / key) if re.fullmatch(r"[0-9a-f]{64}", key) else None

    def _artifact(self, kind: str, inputs: Mapping[str, JSON], build: Callable[[Path], None]) -> Artifact:
        place = self._place(kind, inputs)
        found = self._here(place)  # without the lock, so that a read-only cache still serves what it has
        if found is not None:
            return found
        with self._writing(place):
            found, problem = self._reader.read(place)  # again: another process may have built it meanwhile
            if problem is not None:
                logger.warning("%s: the cached artifact is damaged (%s), so it is built again.", place, problem)
            found = found or self._pulled(place)
            if found is None:
                found = build_artifact(place, kind, inputs, build)
            return self._handed_on(place, found)

    def _find(self, place: Path) -> Artifact | None:
        found = self._here(place)
        if found is not None or self._store is None or self._store.find(place.parent.name, place.name) is None:
            return found
        with self._writing(place):
            found = self._reader.read(place)[0] or self._pulled(place)
            return found and self._handed_on(place, found)

    def _here(self, place: Path) -> Artifact | None:
        """The artifact at `place` if it is intact."""
        live(self.root)  # before it is read, so that nobody removes it from now on
        found, _ = self._reader.read(place)
        return found and self._handed_on(place, found)

    def _pulled(self, place: Path) -> Artifact | None:
        """The artifact that belongs at `place` from the shared store, if that has it intact. Needs the lock."""
        kind, key, store = place.parent.name, place.name, self._store
        manifest = store.find(kind, key) if store else None
        if store is None or manifest is None:
            return None
        try:
            pulled = put_artifact(place, lambda files: store.pull(manifest, key, files), reused=True)
        except DamagedError as problem:
            store.report_damage(kind, key, problem)
            return None
        self._mark_shared(place)
        return pulled

    def _handed_on(self, place: Path, artifact: Artifact) -> Artifact:
        """The artifact, once the shared store has it too, and that it is used is recorded."""
        store = self._store
        if store is not None and not self._shared_mark(place).exists():
            store.push(read_manifest(place / MANIFEST), place.name, place)
            self._mark_shared(place)
        touch_used(place)
        return artifact

    def _mark_shared(self, place: Path) -> None:
        """Records that the shared store has what lies at `place`; a read-only cache can't, and asks each time."""
        with suppress(OSError):
            self._shared_mark(place).touch()

    def _shared_mark(self, place: Path) -> Path:
        return place / f"shared-{fingerprint(self.shared)[:12]}"

    @property
    def _store(self) -> SharedStore | None:
        if self.shared and self._opened is None:
            self._opened = SharedStore(FsspecStorage(self.shared))
        return self._opened

    @contextmanager
    def _writing(self, place: Path) -> Iterator[None]:
        """Holds the lock of `place`; raises CacheError where nothing can be stored there."""
        with storage_errors(self.root, f"the {place.parent.name} artifact", REMEDY):
            place.parent.mkdir(parents=True, exist_ok=True)
            with locked(place):
                yield

    def _place(self, kind: str, inputs: Mapping[str, JSON]) -> Path:
        if not re.fullmatch(r"[a-z][a-z0-9-]*", kind):
            raise ValueError(
                f"the kind of an artifact names a folder: lower-case letters, digits and '-', not {kind!r}"
            )
        return self.root / kind / artifact_key(kind, inputs)


def _tell_nobody(kind: str, artifact: Artifact, asked: float) -> None:
    """Nobody watches."""
