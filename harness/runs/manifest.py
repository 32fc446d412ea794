"""What an artifact should consist of: the record beside its files by which a damaged one is noticed.

Knows nothing of what the files mean.
"""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from harness.errors import InputError
from harness.runs.fingerprint import JSON, file_hash, fingerprint
from harness.runs.storage import write_atomic

CLOCK = ".clock.json"  # how the name of a file ends that holds nothing but measured times


class StoredFile(BaseModel):
    """One file of an artifact: SHA-256 in hex, and size in bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    size: int


class Manifest(BaseModel):
    """The inputs that an artifact was built from, its files by relative name, and how long the build took."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    inputs: dict[str, Any]
    files: dict[str, StoredFile]
    seconds: float
    seal: str = ""

    @field_validator("files")
    @classmethod
    def _stay_inside(cls, files: dict[str, StoredFile]) -> dict[str, StoredFile]:
        """A manifest from a store that others write to must not lead out of the artifact's folder."""
        for name in files:
            parts = name.split("/")
            if not all(parts) or {".", ".."} & set(parts) or any(character in name for character in "\\:\0"):
                raise ValueError(f"{name!r} is no name of a file inside of an artifact")
        return files

    @property
    def hash(self) -> str:
        """SHA-256 over the names and bytes of the files but those of the clock: the same whenever it is built again."""
        return fingerprint({name: file.sha256 for name, file in self.files.items() if not name.endswith(CLOCK)})

    @property
    def bytes_hash(self) -> str:
        """SHA-256 over the names and bytes of all files; equals `folder_hash` of their folder."""
        return fingerprint({name: file.sha256 for name, file in self.files.items()})

    @property
    def size(self) -> int:
        """The bytes of all files together."""
        return sum(file.size for file in self.files.values())

    def write(self, path: Path) -> None:
        """Writes the manifest, sealed with a hash of itself."""
        sealed = self.model_copy(update={"seal": self._own_hash()})
        write_atomic(path, sealed.model_dump_json(indent=2).encode())

    def damage(self, folder: Path) -> str | None:
        """What differs between the files in `folder` and this manifest, or None if nothing does."""
        present = list_files(folder)
        for name in sorted(self.files.keys() | present.keys()):
            if name not in present:
                return f"{name} is missing"
            if name not in self.files:
                return f"{name} was added"
            if present[name].stat().st_size != self.files[name].size:
                return f"{name} has {present[name].stat().st_size} bytes instead of {self.files[name].size}"
            if file_hash(present[name]) != self.files[name].sha256:
                return f"{name} has other bytes than were written"
        return None

    def _own_hash(self) -> str:
        return fingerprint(self.model_dump(mode="json", exclude={"seal"}))


def stored(path: Path) -> StoredFile:
    """The file at `path` as it is now."""
    return StoredFile(sha256=file_hash(path), size=path.stat().st_size)


def describe(kind: str, inputs: dict[str, JSON], folder: Path, seconds: float) -> Manifest:
    """The manifest of the files that a build of `seconds` left in `folder`."""
    files = {name: stored(path) for name, path in list_files(folder).items()}
    return Manifest(kind=kind, inputs=inputs, files=files, seconds=seconds)


def read_manifest(path: Path) -> Manifest:
    """The manifest at `path`; raises InputError if it is torn or altered."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: no readable manifest ({type(error).__name__})") from error
    return parse_manifest(content, str(path))


def parse_manifest(content: bytes, place: str) -> Manifest:
    """The manifest that was read from `place`; raises InputError if it is torn or altered."""
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        raise InputError(f"{place}: no readable manifest ({type(error).__name__})") from error
    if manifest.seal != manifest._own_hash():
        raise InputError(f"{place}: the manifest was altered after it was written")
    return manifest


def list_files(folder: Path) -> dict[str, Path]:
    """Every file under `folder`, by its relative name."""
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
