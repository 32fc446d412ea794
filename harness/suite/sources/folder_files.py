"""A folder of Markdown, text, HTML and PDF files, each of which is a document."""

import posixpath
from collections.abc import Iterator

from harness.suite.documents import Skipped, read_documents
from harness.suite.sources.folders import DataFolder
from harness.suite.sources.rows import Findings, Format, NoOptions, Row


def _read(folder: DataFolder, name: str, options: NoOptions, found: Findings) -> Iterator[Row]:
    """A row for each file that can be read: id (its path), text, title, metadata. The others are noted."""
    path, skipped = folder.folder(name), list[Skipped]()
    for document in read_documents(path, skipped):
        folder.read[posixpath.join(name, document.id)] = path / document.id
        fields = document.model_dump(include={"id", "text", "title", "metadata"})
        yield Row(f"{path / document.id}", document.id, fields)
    found.notes += [f"{folder.label}/{posixpath.join(name, str(one))}" for one in skipped]


FOLDER = Format(_read, document={"id": "id", "text": "text", "title": "title"})
