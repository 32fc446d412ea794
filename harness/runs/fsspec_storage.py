"""A storage at any URL that fsspec knows, such as `s3://bucket/prefix`, `file:///mnt/share` or `memory://name`.

Credentials come from the environment of the library that speaks to the place, and never through the harness.
"""

import errno
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from harness._secrets import scrub
from harness.errors import CacheError, InputError

SHARED_VARIABLE = "HARNESS_SHARED_CACHE"
_FOLDERS = {"file", "local", "sftp", "ssh"}  # a file there appears while it is written, but a rename is at once
_EXTRAS = {"s3": 'pip install "harness[s3]"', "s3a": 'pip install "harness[s3]"'}
_LOCAL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}


class FsspecStorage:
    """Files below one URL; each appears whole where the place can do that, as object stores and folders can."""

    def __init__(self, url: str) -> None:
        """Raises InputError for a URL that is none, holds a secret, or needs a library that isn't installed."""
        self.url = url.rstrip("/")
        self._protocol = _checked(self.url)
        from fsspec.core import url_to_fs  # its import costs as much as all the rest of this package

        try:
            self._files, root = url_to_fs(self.url, skip_instance_cache=True)
        except ImportError as error:
            remedy = _EXTRAS.get(self._protocol, str(error))
            raise InputError(f"{self.url}: a shared cache there needs a library. Use {remedy}.") from error
        except ValueError as error:
            raise InputError(
                f"{self.url}: no shared cache can be there ({error}). Give a URL such as s3://bucket/prefix or "
                f"file:///mnt/share with --shared-cache or {SHARED_VARIABLE}."
            ) from error
        self._root = root.rstrip("/")

    def read(self, name: str) -> bytes | None:
        """The content of a small file; None if there is none."""
        with self._told("read"), suppress(FileNotFoundError):
            content: bytes = self._files.cat_file(self._path(name))
            return content
        return None

    def write(self, name: str, content: bytes) -> None:
        """Writes a small file, whole or not at all, over one of that name."""
        with self._told("written"):
            self._put(name, lambda path: self._files.pipe_file(path, content))

    def download(self, name: str, path: Path) -> bool:
        """Copies a file to the local `path`, whose folder exists; False if there is none."""
        with self._told("read", spare=_LOCAL), suppress(FileNotFoundError):
            self._files.get_file(self._path(name), str(path))
            return True
        return False

    def upload(self, path: Path, name: str) -> None:
        """Copies a local file to the storage, over one of that name."""
        with self._told("written"):
            self._put(name, lambda target: self._files.put_file(str(path), target))

    def _put(self, name: str, put: Callable[[str], object]) -> None:
        target = self._path(name)
        if self._protocol not in _FOLDERS:
            put(target)
            return
        part = f"{target}.{uuid.uuid4().hex}.part"
        self._files.makedirs(target.rpartition("/")[0], exist_ok=True)
        try:
            put(part)
            self._files.mv(part, target)
        except BaseException:
            with suppress(Exception):
                self._files.rm_file(part)
            raise

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _told(self, done: str, spare: set[int] | None = None) -> Iterator[None]:
        """Turns whatever the library raises into one CacheError, but for the system's errors that are in `spare`."""
        try:
            yield
        except Exception as error:
            if isinstance(error, OSError) and error.errno in (spare or ()):
                raise
            said = scrub(f"{type(error).__name__}: {error}")
            raise CacheError(
                f"{self.url}: the shared cache can't be {done} ({said}). What was finished is kept in the local cache. "
                "Check the address, the credentials in the environment and the network, then repeat the command; or "
                f"go on without it: unset {SHARED_VARIABLE}."
            ) from error


def _checked(url: str) -> str:
    """The protocol of `url`; raises InputError if it has none, or holds what must not be shown."""
    try:
        parts = urlsplit(url)
        secret = bool(parts.password or parts.query)
    except ValueError as error:
        raise InputError(f"{SHARED_VARIABLE}: is no URL ({error}). Give one such as s3://bucket/prefix.") from error
    if secret:
        raise InputError(
            f"{parts.scheme}://{parts.hostname}: the URL of the shared cache holds a password or a query, which would "
            f"stand in messages. Give the URL alone in {SHARED_VARIABLE}, and credentials as the library of "
            f"{parts.scheme}:// reads them from its own environment."
        )
    if "://" not in url:
        raise InputError(
            f"{url}: is no URL, so no shared cache can be there. Give one such as s3://bucket/prefix, or "
            "file:///mnt/share for a folder."
        )
    return parts.scheme
