"""Keeps every reply of one model at one server, so that nothing is asked, or paid, twice.

On disk, in a folder for one server and model::

    FOLDER/NAME.jsonl    one line a reply, by the process that asked: the SHA-256 of the rest, then the reply as JSON
    FOLDER/.lock         held while requests are sent; the system frees it when a process dies

A line is written when its reply comes, so that a crash loses only requests under way. Knows nothing of what is asked.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from harness.runs import CACHE_VARIABLE
from harness.runs.locks import locked
from harness.runs.storage import storage_errors

_REMEDY = f"Free space there, or set {CACHE_VARIABLE} to a folder that can be written and has room."

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kept:
    """One reply as the server gave it, and how many seconds it took from request to reply.

    `together` is how many requests were under way at once, itself among them, `without` names the parameters that it
    was asked without.
    """

    content: Mapping[str, Any]
    seconds: float
    together: int = 1
    without: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """Its equal share of the time, in seconds: what it added to the whole."""
        return self.seconds / self.together


class Replies:
    """The replies in one folder, by the key of what was asked."""

    def __init__(self, folder: Path, *, fresh: bool = False) -> None:
        """Reads what is there; `fresh` forgets it, and what comes is kept beside it and counts from then on."""
        self._folder = folder
        self._known: dict[str, Kept] = {}
        self._ends: dict[Path, int] = {path: path.stat().st_size for path in self._files()} if fresh else {}
        self._own = folder / f"{uuid4().hex}.jsonl"
        self._read()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: str) -> Kept | None:
        """The newest reply to what has that key."""
        return self._known.get(key)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Held while requests are sent: another process that asks the same model waits, and then finds the replies.

        Raises CacheError if replies can't be kept.
        """
        with storage_errors(self._folder, "the server's replies", _REMEDY):
            self._folder.mkdir(parents=True, exist_ok=True)
            with locked(self._folder, "asking the server for"):
                self._read()
                yield

    def keep(self, key: str, kept: Kept) -> None:
        """Writes one reply to the disk; to be called while `asking`."""
        line = json.dumps({"key": key, **asdict(kept)}, separators=(",", ":"))
        with self._own.open("a", encoding="ascii") as file:
            file.write(f"{_seal(line)} {line}\n")
            file.flush()
            os.fsync(file.fileno())
        self._known[key] = kept
        self._ends[self._own] = self._own.stat().st_size

    def _files(self) -> list[Path]:
        """The files of replies, the oldest first."""
        return sorted(self._folder.glob("*.jsonl"), key=lambda path: (path.stat().st_mtime_ns, path.name))

    def _read(self) -> None:
        """Takes in what was added since the last time."""
        for path in self._files():
            with path.open("rb") as file:
                file.seek(self._ends.get(path, 0))
                added = file.read()
            whole = added[: added.rfind(b"\n") + 1]  # what follows was being written when its process ended, or is now
            self._ends[path] = self._ends.get(path, 0) + len(whole)
            damaged = sum(not self._take(line) for line in whole.splitlines())
            if damaged:
                logger.warning("%s: %d of its replies are damaged, so they are asked for again.", path, damaged)

    def _take(self, line: bytes) -> bool:
        """Takes in one line; False if it is not what was written."""
        try:
            seal, _, content = line.decode("ascii").partition(" ")
            if seal != _seal(content):
                return False
            row = json.loads(content)
            self._known[row["key"]] = Kept(row["content"], row["seconds"], row["together"], tuple(row["without"]))
        except (ValueError, KeyError, TypeError):
            return False
        return True


def _seal(line: str) -> str:
    return hashlib.sha256(line.encode("ascii")).hexdigest()
