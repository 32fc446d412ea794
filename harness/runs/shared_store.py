"""A store that several machines share: finished artifacts are pushed to it and pulled from it, each byte checked.

Whatever lies there is found by its content, so that nobody ever reads half of an artifact, nor a mixture of two::

    harness.json                      says that this is a store, and shows at once whether it can be read and written
    KIND/KEY/CONTENT/FILE             the files, under the hash of them all
    KIND/KEY/manifest.json            written last: inputs, and hash and size of each file

Knows nothing of where the store is; that is the `Storage`'s part.
"""

import logging
from pathlib import Path
from typing import Protocol

from harness.errors import CacheError, InputError
from harness.runs.artifacts import FILES, MANIFEST, artifact_key
from harness.runs.manifest import Manifest, parse_manifest

SCHEMA = b'{"schema": "harness.shared/1"}\n'
SCHEMA_FILE = "harness.json"

logger = logging.getLogger(__name__)


class Storage(Protocol):
    """Keeps files by name, with `/` between folders. Every method raises CacheError if the place can't be reached."""

    @property
    def url(self) -> str:
        """Where it is, as it may be shown."""

    def read(self, name: str) -> bytes | None:
        """The content of a small file; None if there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Writes a small file, whole or not at all, over one of that name."""

    def download(self, name: str, path: Path) -> bool:
        """Copies a file to the local `path`, whose folder exists; False if there is none."""

    def upload(self, path: Path, name: str) -> None:
        """Copies a local file to the storage, over one of that name."""


class DamagedError(Exception):
    """What the store holds of an artifact isn't what was pushed."""


class SharedStore:
    """The artifacts in a storage. Any process may push and pull at any time."""

    def __init__(self, storage: Storage) -> None:
        """Raises CacheError if the storage can't be read and written, or holds a store of a later harness."""
        self._storage = storage
        self._damaged: set[tuple[str, str]] = set()
        found = storage.read(SCHEMA_FILE)
        if found is None:
            storage.write(SCHEMA_FILE, SCHEMA)
        elif found != SCHEMA:
            raise CacheError(
                f"{storage.url}: holds no shared cache that this harness can read ({SCHEMA_FILE} is another's), and "
                "would be damaged by it. Update the harness, or name another prefix."
            )

    def find(self, kind: str, key: str) -> Manifest | None:
        """What the store has under that kind and key; None if it has nothing, or, with a warning, nothing intact."""
        content = self._storage.read(f"{kind}/{key}/{MANIFEST}")
        if content is None:
            return None
        try:
            manifest = parse_manifest(content, f"{self._storage.url}/{kind}/{key}/{MANIFEST}")
        except InputError as error:
            self.report_damage(kind, key, error)
            return None
        if artifact_key(manifest.kind, manifest.inputs) != key:
            self.report_damage(kind, key, "its manifest belongs to another artifact")
            return None
        return manifest

    def pull(self, manifest: Manifest, key: str, files: Path) -> Manifest:
        """Copies the files of that manifest into the folder `files`; raises DamagedError if they aren't intact."""
        for name in manifest.files:
            (files / name).parent.mkdir(parents=True, exist_ok=True)
            if not self._storage.download(_name(manifest, key, name), files / name):
                raise DamagedError(f"{name} is missing")
        problem = manifest.damage(files)
        if problem:
            raise DamagedError(problem)
        return manifest

    def push(self, manifest: Manifest, key: str, place: Path) -> None:
        """Copies the artifact at `place` to the store, unless it has an intact one: the first one stays."""
        if (manifest.kind, key) not in self._damaged and self.find(manifest.kind, key) is not None:
            return
        for name in manifest.files:
            self._storage.upload(place / FILES / name, _name(manifest, key, name))
        self._storage.write(f"{manifest.kind}/{key}/{MANIFEST}", (place / MANIFEST).read_bytes())
        self._damaged.discard((manifest.kind, key))

    def report_damage(self, kind: str, key: str, problem: object) -> None:
        """Says that the store's artifact is damaged, and remembers to replace it by the next one that is pushed."""
        self._damaged.add((kind, key))
        logger.warning(
            "%s/%s/%s: the shared artifact is damaged (%s), so it is not used, and replaced once it is built here.",
            *(self._storage.url, kind, key, problem),
        )


def _name(manifest: Manifest, key: str, file: str) -> str:
    return f"{manifest.kind}/{key}/{manifest.bytes_hash}/{file}"
