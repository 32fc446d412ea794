"""Whether MLflow could write where a URI says, known before anything is done. Knows nothing of MLflow itself.

It asks the disk only, since MLflow tries for minutes to open a database that can't be. A server is asked when there is
something to log.
"""

import os
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from harness._secrets import scrub
from harness.errors import InputError

_HEADER = b"SQLite format 3\x00"  # what every database begins with that isn't empty, by SQLite's file format


def check_place(uri: str) -> None:
    """Raises InputError where `uri` is a folder or an SQLite database that can't be written."""
    scheme = urlsplit(uri).scheme
    if scheme.partition("+")[0] == "sqlite":
        problem = _database(uri)
    elif scheme == "file":
        problem = _folder(Path(url2pathname(urlsplit(uri).path)))
    else:
        problem = "" if scheme else _folder(Path(uri))
    if problem:
        raise InputError(
            f"--mlflow {scrub(uri)}: {problem}, so nothing could be logged there. Give a database that can be written "
            "(sqlite:///FILE), a folder (file:FOLDER) or a server."
        )


def _database(uri: str) -> str:
    """What is wrong with the database of `uri`; "" for nothing. By SQLAlchemy's rule the file comes after `:///`."""
    place, slashes, name = uri.partition("?")[0].partition(":///")
    if not slashes and place.partition("://")[2]:
        return "names a host, which SQLite has none"
    if name in ("", ":memory:"):
        return "names no file, so that a database would be gone with the command"
    path = Path(name)
    if name.startswith("file:"):
        return ""  # a URI of SQLite's own
    if path.is_dir():
        return f"{path} is a folder and no database"
    if not path.exists():
        return _folder(path.parent)
    try:
        with path.open("rb") as file:
            begins = file.read(len(_HEADER))
    except OSError as error:
        return f"{path} can't be read ({error.strerror})"
    if begins not in (b"", _HEADER):
        return f"{path} holds something else than an SQLite database"
    return "" if os.access(path, os.W_OK) else f"{path} can't be written"


def _folder(path: Path) -> str:
    """Why nothing can be written into the folder `path`, which may have to be made; "" if it can be."""
    there = next((one for one in (path, *path.absolute().parents) if one.exists()), path)
    if not there.is_dir():
        return f"{there} is no folder"
    return "" if os.access(there, os.W_OK | os.X_OK) else f"the folder {there} can't be written"
