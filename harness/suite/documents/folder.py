"""Reads a folder of files into documents, and tells of each file that it doesn't read, with the reason."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from harness.errors import InputError
from harness.suite.documents.extracted import UnreadableError
from harness.suite.documents.limits import Limits
from harness.suite.documents.reader import Reader
from harness.suite.records import Document

FORMATS = {
    **dict.fromkeys((".md", ".markdown", ".mdx"), "markdown"),
    **dict.fromkeys((".txt", ".text", ".rst", ".adoc"), "text"),
    **dict.fromkeys((".html", ".htm", ".xhtml"), "html"),
    ".pdf": "pdf",
}
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder that no document was made of: `path` inside the folder, and a `reason` that follows its name."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def read_documents(folder: Path, skipped: list[Skipped], *, limits: Limits | None = None) -> Iterator[Document]:
    """The documents of a folder and the folders in it, by name; what is left out goes to `skipped` as it is met.

    A document's id is its path inside the folder. Its title is the one that the file states, or its first heading, or
    else its name. `metadata` has its `format`, what the file says of itself (the front matter of Markdown, the `date`
    as YYYY-MM-DD, the `pages` of a PDF) and, unless the file states another, as `topic` the first folder on its path.

    Raises InputError where `folder` is none, where no file in it can be read, and for a PDF without pypdf, an extra.
    """
    if not os.path.isdir(folder):
        raise InputError(f"{folder}: is not a folder, so there are no documents to read in it. Mend the path.")
    limits = limits or Limits()
    seen: dict[bytes, str] = {}
    with Reader(limits) as reader:
        for name in _files(Path(folder), skipped):
            try:
                document = _read(Path(folder), name, reader, limits)
                twin = seen.setdefault(sha256(document.text.encode()).digest(), name)
                if twin != name:
                    raise UnreadableError(f"has the same text as {twin}, which is kept")
                yield document
            except UnreadableError as error:
                skipped.append(Skipped(name, str(error)))
    if not seen:
        listed = [f"  {one}" for one in skipped[:SHOWN]]
        rest = [f"  … and {len(skipped) - SHOWN} more"] if len(skipped) > SHOWN else []
        known = ", ".join(FORMATS)
        raise InputError(
            "\n".join([f"{folder}: holds no document that can be read. Give it some files ({known}).", *listed, *rest])
        )


def _files(folder: Path, skipped: list[Skipped]) -> Iterator[str]:
    """The paths in `folder` of all plain files with a known suffix, each folder's entries by name."""
    waiting = [("", True)]
    while waiting:
        path, is_folder = waiting.pop()
        if is_folder:
            waiting += reversed(list(_entries(folder, path, skipped)))
        else:
            yield path


def _entries(folder: Path, inside: str, skipped: list[Skipped]) -> Iterator[tuple[str, bool]]:
    """The paths of the folders and the files to read that lie right in `inside`, and whether each is a folder."""
    try:
        with os.scandir(folder / inside) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        skipped.append(Skipped(inside or ".", f"can't be opened ({error.strerror}); mend its permissions"))
        return
    for entry in entries:
        path = f"{inside}/{entry.name}" if inside else entry.name
        reason = _why_not(entry)
        if reason:
            skipped.append(Skipped(path if path.isprintable() else ascii(path)[1:-1], reason))
        else:
            yield path, entry.is_dir(follow_symlinks=False)


def _why_not(entry: "os.DirEntry[str]") -> str | None:
    """Why a file or folder is left out by what it is called and what kind it is; None where it isn't."""
    if not entry.name.isprintable():
        return "its name is no plain text, so nobody could refer to it; rename it"
    if entry.name.startswith("."):
        return "is hidden; give it a name without the dot if it is meant to be read"
    if entry.is_symlink():
        return "is a symbolic link, which could lead anywhere; put the file itself in its place"
    if entry.is_dir(follow_symlinks=False):
        return None
    if not entry.is_file(follow_symlinks=False):
        return "is no plain file but a device, a socket or a pipe"
    suffix = PurePosixPath(entry.name).suffix.lower()
    if suffix not in FORMATS:
        return f"is neither Markdown nor text, HTML or PDF, by its suffix ({suffix or 'none'})"
    return None


def _read(folder: Path, name: str, reader: Reader, limits: Limits) -> Document:
    path = PurePosixPath(name)
    format_ = FORMATS[path.suffix.lower()]
    if format_ == "pdf" and find_spec("pypdf") is None:
        raise InputError(
            f"{folder / name}: is a PDF, and pypdf, which reads those, is not installed. "
            'Install it: pip install "harness[documents]"'
        )
    found = reader.read(format_, _content(folder / name, limits.file_bytes))
    topic = {"topic": path.parts[0]} if len(path.parts) > 1 else {}
    return Document(
        id=name,
        text=found.text,
        title=" ".join(found.title.split()) or path.stem,
        metadata={**topic, **found.metadata, "format": format_},
    )


def _content(path: Path, most: int) -> bytes:
    """The bytes of a plain file; raises UnreadableError for what has become something else, or is too large."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UnreadableError("is no plain file")
            content = file.read(most + 1)
    except OSError as error:
        raise UnreadableError(f"can't be opened ({error.strerror}); mend its permissions") from None
    if len(content) > most:
        raise UnreadableError(f"is larger than the {most:,} bytes that one file may have; split it")
    return content
