"""The log of a run: one JSON object a line, added to by every command that works on the run, and never a secret.

It knows nothing of stages. A killed process leaves at worst one torn last line, which writers and readers step over.
"""

import json
import logging
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from harness._secrets import scrub_all
from harness.runs.fingerprint import JSON

LOG = "log.jsonl"

logger = logging.getLogger(__name__)


class RunLog:
    """Adds lines to the log of one run; several threads may, and several processes."""

    def __init__(self, folder: Path) -> None:
        """Opens nothing before the first line. A log that can't be written is told once, and the run goes on."""
        self.path = folder / LOG
        self._lock = Lock()
        self._file: int | None = None
        self._given_up = False

    def write(self, line: Mapping[str, JSON]) -> None:
        """Adds one line, scrubbed of secrets. It isn't waited for until it is on the disk; never raises OSError."""
        if self._given_up:
            return
        content = (json.dumps(scrub_all(line), default=str) + "\n").encode("ascii")
        try:
            with self._lock:
                if self._file is None:
                    self._file = _open(self.path)
                os.write(self._file, content)  # one call a line: lines of several processes don't mix
        except OSError as error:
            self._given_up = True
            logger.warning("%s: the log can't be written (%s); the run goes on without.", self.path, error.strerror)

    def close(self) -> None:
        """Closes the file; a later line opens it again."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None


def log_time() -> str:
    """The time as a log tells it: UTC, ISO 8601, with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def read_log(folder: Path) -> Iterator[dict[str, Any]]:
    """The lines of the log of the run in `folder`, oldest first; none where there is no log.

    What is no JSON object, such as the torn line of a process that was killed, is left out.
    """
    try:
        with (folder / LOG).open(encoding="ascii", errors="replace") as file:
            for text in file:
                try:
                    line = json.loads(text)
                except (ValueError, RecursionError):
                    continue
                if isinstance(line, dict):
                    yield line
    except FileNotFoundError:
        return


def _open(path: Path) -> int:
    """The file, ready for a whole line at its end, whatever a killed process left there."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        if os.lseek(file, 0, os.SEEK_END):
            os.lseek(file, -1, os.SEEK_END)
            if os.read(file, 1) != b"\n":
                os.write(file, b"\n")
    except OSError:
        os.close(file)
        raise
    return file
