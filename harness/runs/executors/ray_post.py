"""What workers tell while they work (bars, lines of the log), and how it gets to the one terminal.

It may get lost: nothing depends on it. Workers post to a mailbox, an actor of Ray, a few times a second; the driver
empties it and shows what it says.
"""

import json
import logging
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

from harness.runs.progress import Advance, Progress

EVERY = 0.3  # seconds between two posts of one worker

Sender = tuple[str, int]  # a node and the attempt at it


class Mailbox:
    """Keeps what workers post until the driver takes it; runs as an actor."""

    def __init__(self) -> None:
        self._posts: list[str] = []

    def post(self, posts: str) -> None:
        """Adds a list of posts, in JSON."""
        self._posts.append(posts)

    def take(self) -> list[str]:
        """Everything that was added since the last time."""
        posts, self._posts = self._posts, []
        return posts


class Reporter:
    """The progress of a worker process, whatever node it works on."""

    def __init__(self) -> None:
        self._mailbox: Any = None
        self._sender: Sender = ("", 0)
        self._lines: list[dict[str, Any]] = []
        self._bars: dict[int, dict[str, Any]] = {}  # that have changed since they were posted
        self._begun, self._sent = 0, 0.0

    @contextmanager
    def reporting(self, mailbox: Any, node: str, attempt: int) -> Iterator[None]:
        """Posts what is told inside to `mailbox`, as being about that attempt at that node; what is logged too.

        What is left to post in the end, `left` gives.
        """
        self._mailbox, self._sender, self._begun = mailbox, (node, attempt), 0
        self._lines, self._bars = [{"event": "begun", "host": socket.gethostname()}], {}
        handler, logger = _Handler(self), logging.getLogger("harness")
        logger.addHandler(handler)
        self._post()
        try:
            yield
        finally:
            logger.removeHandler(handler)
            self._mailbox = None

    @contextmanager
    def task(self, description: str, total: int) -> Iterator[Advance]:
        """A bar in the driver's terminal."""
        self._begun += 1
        number = self._begun
        bar: dict[str, Any] = {
            "event": "bar",
            "bar": number,
            "description": description,
            "total": total,
            "done": 0,
            "ended": False,
        }

        def advance(steps: int) -> None:
            bar["done"] += steps
            self._bars[number] = bar
            if time.monotonic() - self._sent > EVERY:
                self._post()

        advance(0)
        try:
            yield advance
        finally:
            bar["ended"] = True
            self._bars[number] = bar

    def log(self, level: int, message: str) -> None:
        """A line of the worker's log."""
        self._lines.append({"event": "log", "level": level, "message": message})

    def left(self) -> list[dict[str, Any]]:
        """What hasn't been posted yet."""
        node, attempt = self._sender
        posts = [{**post, "node": node, "attempt": attempt} for post in (*self._lines, *self._bars.values())]
        self._lines, self._bars = [], {}
        return posts

    def _post(self) -> None:
        self._sent = time.monotonic()
        with suppress(Exception):  # nobody has to be listening
            self._mailbox.post.remote(json.dumps(self.left()))


class Bulletin:
    """Shows in the driver what workers post. A post about a bar says all of it, so that any may be missed."""

    def __init__(self, progress: Progress, logger: logging.Logger) -> None:
        self._progress, self._logger = progress, logger
        self._open: dict[tuple[str, int, int], _Bar] = {}
        self._over: set[Sender | tuple[str, int, int]] = set()
        self.hosts: dict[str, str] = {}  # by node, where it was begun last

    def show(self, posts: Sequence[Mapping[str, Any]]) -> None:
        """Shows posts; those of attempts that are over, and of bars that are closed, come too late."""
        for post in posts:
            sender = (post["node"], post["attempt"])
            if sender in self._over:
                continue
            if post["event"] == "begun":
                self.hosts[post["node"]] = post["host"]
            elif post["event"] == "log":
                self._logger.log(post["level"], "%s: %s", post["node"], post["message"])
            else:
                self._show_bar((*sender, post["bar"]), post)

    def over(self, node: str, attempt: int, failure: BaseException | None = None) -> None:
        """Takes away the bars of an attempt that has ended, as done or by a `failure`."""
        self._over.add((node, attempt))
        for key in [key for key in self._open if key[:2] == (node, attempt)]:
            self._open.pop(key).close(failure)

    def _show_bar(self, key: tuple[str, int, int], post: Mapping[str, Any]) -> None:
        if key in self._over:
            return
        if key not in self._open:
            self._open[key] = _Bar(self._progress.task(post["description"], post["total"]))
        self._open[key].reach(post["done"])
        if post["ended"]:
            self._over.add(key)
            self._open.pop(key).close(None)


class _Bar:
    """A bar that is shown, and how far it has come."""

    def __init__(self, task: AbstractContextManager[Advance]) -> None:
        self._task, self._advance, self._done = task, task.__enter__(), 0

    def reach(self, done: int) -> None:
        """Goes on to `done` steps; never back."""
        if done > self._done:
            self._advance(done - self._done)
            self._done = done

    def close(self, failure: BaseException | None) -> None:
        """Ends it, as done or by a `failure`, which is told elsewhere."""
        try:
            self._task.__exit__(type(failure) if failure else None, failure, None)
        except BaseException as error:
            if error is not failure:
                raise


class _Handler(logging.Handler):
    """Posts what is logged; bookkeeping below INFO stays where it is."""

    def __init__(self, reporter: Reporter) -> None:
        super().__init__(logging.INFO)
        self._reporter = reporter

    def emit(self, record: logging.LogRecord) -> None:
        self._reporter.log(record.levelno, record.getMessage())
