"""Hands files to a process of its own that takes them apart (`worker`), and starts it anew when one has ended it."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.suite.documents.extracted import Extracted, UnreadableError
from harness.suite.documents.limits import Limits

WORKER = "harness.suite.documents.worker"


class Reader:
    """Takes texts out of files' bytes within `limits`; a context manager, as it holds a process."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._worker: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._worker:
            self._worker.kill()
            self._worker.communicate()

    def read(self, format_: str, content: bytes) -> Extracted:
        """What is in a file of that format; raises UnreadableError, also for one that ends the process."""
        worker = self._worker = self._worker or self._start()
        assert worker.stdin
        assert worker.stdout
        try:
            worker.stdin.write(json.dumps({"format": format_, "size": len(content)}).encode() + b"\n" + content)
            worker.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended, so there will be no answer
        line = worker.stdout.readline()
        if not line:
            self._worker = None
            worker.communicate()
            raise UnreadableError(self._why(worker.returncode))
        answer = json.loads(line)
        if "problem" in answer:
            raise UnreadableError(answer["problem"])
        return Extracted(**answer)

    def _start(self) -> "subprocess.Popen[bytes]":
        """The process; `-P` keeps it from importing what lies in the current folder, which may be the documents'."""
        package = Path(__file__).parents[3]
        path = os.pathsep.join([str(package), *filter(None, [os.environ.get("PYTHONPATH")])])
        return subprocess.Popen(
            [sys.executable, "-P", "-m", WORKER, json.dumps(asdict(self._limits))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
        )

    def _why(self, code: int) -> str:
        if code == -signal.SIGPROF:
            return f"takes more than {self._limits.seconds} s of computing to be read; split it or save it anew"
        return (
            f"ended the process that read it (exit status {code}), maybe for want of memory; split it or save it anew"
        )
