"""What launched processes tell one another beside the numbers: a job begins, it has failed, all is over.

Through the store by which torch's processes find one another, so that nobody waits for a message inside a collective
operation, which would time out while the leader indexes and predicts.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any

from harness.errors import HarnessError, TrainingError

POLL = 0.1  # seconds
GRACE = 10.0  # seconds that a process may take to notice by itself that another has failed
STOP = "harness/stop"


class Mailbox:
    """The store as one of the processes, `rank` of `count`, sees it."""

    def __init__(self, store: Any, rank: int, count: int) -> None:
        self._store, self._rank, self._count = store, rank, count
        self._job = 0

    def announce(self) -> None:
        """Says that the next job begins."""
        self._job += 1
        self._store.set(f"harness/job/{self._job}", "")

    def next(self) -> bool:
        """Waits for the next job; False when all is over, or the store is gone and with it the leader."""
        key = f"harness/job/{self._job + 1}"
        with suppress(RuntimeError):
            while not self._store.check([STOP]):
                if self._store.check([key]):
                    self._job += 1
                    return True
                time.sleep(POLL)
        return False

    def fail(self, error: BaseException) -> None:
        """Leaves word that the job has failed in this process, and why."""
        told = {"rank": self._rank, "expected": isinstance(error, HarnessError), "text": str(error)}
        with suppress(RuntimeError):
            self._store.set(self._failure, json.dumps(told))

    def failure(self) -> Exception | None:
        """Why the job has failed in another process; None if none has left word."""
        with suppress(RuntimeError):
            if self._store.check([self._failure]):
                told = json.loads(self._store.get(self._failure))
                if told["rank"] == self._rank:
                    return None
                text = f"{told['text']} (in process {told['rank']} of {self._count})"
                return TrainingError(text) if told["expected"] else RuntimeError(text)
        return None

    def stop(self) -> None:
        """Says that all is over."""
        with suppress(RuntimeError):
            self._store.set(STOP, "")

    @contextmanager
    def watched(self, give_up: Callable[[Exception | None], None], *, stuck: bool) -> Iterator[None]:
        """While entered, a thread calls `give_up`, which ends this process, when it can't end by itself.

        With None when all is over; and, if a failed process leaves this one `stuck`, with the failure when this one
        hasn't noticed after `GRACE`.
        """
        left = Event()
        thread = Thread(target=self._watch, args=(left, give_up, stuck), daemon=True)
        thread.start()
        try:
            yield
        finally:
            left.set()
            thread.join()

    def _watch(self, left: Event, give_up: Callable[[Exception | None], None], stuck: bool) -> None:
        with suppress(RuntimeError):  # of a store that is gone: then so is the connection that all wait for
            while not left.wait(5 * POLL):
                if self._rank and self._store.check([STOP]):
                    give_up(None)
                failure = self.failure() if stuck else None
                if failure and not left.wait(GRACE):
                    give_up(failure)

    @property
    def _failure(self) -> str:
        return f"harness/failed/{self._job}"


def open_mailbox(rank: int, count: int) -> Mailbox:
    """The mailbox of the processes that torch has connected."""
    from torch.distributed.distributed_c10d import _get_default_store

    store: Any = _get_default_store()
    return Mailbox(store.clone(), rank, count)
