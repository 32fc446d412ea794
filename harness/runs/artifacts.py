"""One artifact on disk: read only while it is what was built, built beside its place, and removed whole.

Knows nothing of which artifact is wanted, and takes no locks: whoever builds or removes holds that of the place.
"""

import os
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.errors import CacheError, InputError
from harness.runs.fingerprint import JSON, fingerprint
from harness.runs.manifest import Manifest, describe, list_files, read_manifest
from harness.runs.storage import lost_file, sync, sync_tree

FILES, MANIFEST = "files", "manifest.json"
BUILDING, UNFINISHED, REMOVED = ".building", ".unfinished", ".removed"
_SETTLED = 2e9  # nanoseconds: the coarsest clock of a file system (FAT), so a file this old can't change unnoticed

Signature = tuple[str, tuple[tuple[str, int, int, int, int], ...]]


@dataclass(frozen=True)
class Artifact:
    """A finished artifact: read its files under `path`, never change them."""

    path: Path
    key: str
    hash: str  # over the names and bytes of the files
    reused: bool
    seconds: float  # of the build, also when it was reused
    bytes: int  # size of all files


def artifact_key(kind: str, inputs: Mapping[str, JSON]) -> str:
    """The key of the artifact of that kind that is built from those inputs: 64 hex digits."""
    return fingerprint({"kind": kind, "inputs": inputs})


class Reader:
    """Reads artifacts, and hashes one again only if its files have changed since this reader found it intact."""

    def __init__(self) -> None:
        self._intact: dict[Path, Signature] = {}

    def read(self, place: Path) -> tuple[Artifact | None, str | None]:
        """The artifact at `place` if it is intact, else what is wrong with it (nothing if it is just absent)."""
        if not place.exists():
            return None, None
        try:
            manifest = read_manifest(place / MANIFEST)
            if artifact_key(manifest.kind, manifest.inputs) != place.name:
                return None, "its manifest belongs to another artifact"
            problem = self._damage(place, manifest)
        except (InputError, OSError) as error:
            return None, str(error)
        return (None, problem) if problem else (_artifact(place, manifest, reused=True), None)

    def _damage(self, place: Path, manifest: Manifest) -> str | None:
        signature = _signature(place, manifest)
        if self._intact.get(place) == signature:
            return None
        begun = time.time_ns()
        problem = manifest.damage(place / FILES)
        newest = max((changed for _, _, _, *times in signature[1] for changed in times), default=0)
        if problem is None and newest < begun - _SETTLED:
            self._intact[place] = signature
        return problem


def build_artifact(place: Path, kind: str, inputs: Mapping[str, JSON], build: Callable[[Path], None]) -> Artifact:
    """The artifact at `place`, built by `build(folder)`; an error leaves nothing that looks finished."""

    def fill(files: Path) -> Manifest:
        begun = time.perf_counter()
        try:
            build(files)
        except Exception as error:
            lost = lost_file(error, place.parents[1])
            if lost is None:
                raise
            raise lost from error
        manifest = describe(kind, dict(inputs), files, time.perf_counter() - begun)
        if not manifest.files:
            raise CacheError(f"The build of the {kind} artifact wrote no file, so there is nothing to keep.")
        return manifest

    return put_artifact(place, fill, reused=False)


def put_artifact(place: Path, fill: Callable[[Path], Manifest], *, reused: bool) -> Artifact:
    """The artifact that `fill(folder)` writes beside `place` and describes, renamed to `place` when it is whole."""
    building = beside(place, BUILDING)
    shutil.rmtree(building, ignore_errors=True)  # a killed process may have left it
    try:
        files = building / FILES
        files.mkdir(parents=True)
        manifest = fill(files)
        manifest.write(building / MANIFEST)
        _open_to_all(files, building / MANIFEST)
        sync_tree(building)
        if place.exists():
            remove_tree(place)  # damaged
        building.rename(place)
        sync(place.parent)
        shutil.rmtree(beside(place, UNFINISHED), ignore_errors=True)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return _artifact(place, manifest, reused=reused)


def touch_used(place: Path) -> None:
    """Records that what lies at `place` is used now, as the time of its manifest, where that can be written."""
    manifest = place / MANIFEST
    with suppress(OSError):
        os.utime(manifest if manifest.exists() else place)


def remove_tree(folder: Path) -> None:
    """Removes `folder` so that it is gone at once, even if this process dies meanwhile."""
    gone = beside(folder, REMOVED)
    shutil.rmtree(gone, ignore_errors=True)
    folder.rename(gone)
    shutil.rmtree(gone)


def beside(place: Path, ending: str) -> Path:
    """The folder beside `place` of that ending."""
    return place.with_name(place.name + ending)


def _open_to_all(folder: Path, usual: Path) -> None:
    """Lets everybody who may read `usual` read the files of `folder`: safetensors writes for their owner alone."""
    for path in list_files(folder).values():
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | usual.stat().st_mode)


def _artifact(place: Path, manifest: Manifest, *, reused: bool) -> Artifact:
    return Artifact(place / FILES, place.name, manifest.hash, reused, manifest.seconds, manifest.size)


def _signature(place: Path, manifest: Manifest) -> Signature:
    """What can't stay the same when a file is written: sizes, numbers and times."""
    stats = ((name, path.stat()) for name, path in list_files(place / FILES).items())
    return manifest.bytes_hash, tuple((name, s.st_size, s.st_ino, s.st_mtime_ns, s.st_ctime_ns) for name, s in stats)
