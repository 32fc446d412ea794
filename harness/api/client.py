"""Asks a server: several requests at once, each again after a failure that may pass, none after one that won't.

Knows nothing of what is asked. Threads, and not an event loop, so that it can be called from anywhere.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from random import Random
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

from harness.api.connections import NOT_MENDED_BY_WAITING, connections, proxy_told
from harness.api.patience import MOST_ASKED_SECONDS, asked_seconds, backoff, may_be_repeated
from harness.api.refusals import distrusted, exhausted, refused, stopped
from harness.api.replies import BadReplyError, body, replied, told
from harness.api.secrets import scrubbed, shown
from harness.api.server import Server
from harness.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")
Wait = Callable[[float], Any]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reply:
    """What the server replied, the seconds that the request took which it replied to, and how many were sent."""

    content: dict[str, Any]
    seconds: float
    attempts: int


class ApiClient:
    """A client of one server, for any number of threads; every path is relative to the server's URL."""

    def __init__(
        self,
        server: Server,
        *,
        wait: Wait | None = None,
        clock: Callable[[], float] = time.monotonic,
        random: Random | None = None,
    ) -> None:
        """`wait` (seconds), `clock` and `random` can be set by tests; raises InputError where httpx is missing."""
        self.server = server
        self._http = connections(server)
        self._through = proxy_told(server.url)
        self._wait, self._clock, self._random = wait, clock, random or Random()
        self._halt = Event()  # set when what was begun shall not be gone on with
        self._lock = Lock()
        self._silent = True  # until it is told that requests fail
        self._not_before = 0.0  # by the clock: when the server wants to be asked again

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends what still waits, and closes the connections."""
        self._halt.set()
        self._http.close()

    def get(self, path: str) -> dict[str, Any]:
        """The JSON object at `path`; raises ApiError."""
        return self._ask("GET", path).content

    def post(self, path: str, json: Mapping[str, Any], *, idempotency_key: str | None = None) -> dict[str, Any]:
        """What the server replies to `json`; raises ApiError.

        All attempts carry one `Idempotency-Key`, by which a server can tell a repetition: a new one for each call, or
        the one given, so that it can outlive a crash.
        """
        return self.ask(path, json, idempotency_key=idempotency_key).content

    def ask(self, path: str, json: Mapping[str, Any], *, idempotency_key: str | None = None) -> Reply:
        """As `post`, with how long the reply took."""
        return self._ask("POST", path, idempotency_key or str(uuid4()), json=json)

    def delete(self, path: str) -> dict[str, Any]:
        """Deletes what is at `path`, and returns what the server says to that; raises ApiError."""
        return self._ask("DELETE", path).content

    def upload(
        self, path: str, name: str, content: bytes, fields: Mapping[str, str], *, idempotency_key: str | None = None
    ) -> dict[str, Any]:
        """Posts `content` as the file `name` of a form with these `fields`; raises ApiError."""
        files = {"file": (name, content, "application/octet-stream")}
        return self._ask("POST", path, idempotency_key or str(uuid4()), data=dict(fields), files=files).content

    def download(self, path: str) -> bytes:
        """The bytes at `path` as they are, which may hold anything; raises ApiError."""
        return self._repeat("GET", path, None, lambda content: content, {})[0]

    def map(
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        advance: Callable[[int], None] = lambda items: None,
    ) -> list[Result]:
        """`function` of each item, in their order, several at once; see `completed`."""
        found: dict[int, Result] = {}
        for place, result in self.completed(function, items):
            found[place] = result
            advance(1)
        return [found[place] for place in range(len(items))]

    def completed(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[tuple[int, Result]]:
        """The place and result of `function` for each item as it comes, `server.concurrency` of them at once.

        When one raises, no other is begun, those under way are yielded if they succeed, and then it is raised. Ctrl-C,
        or leaving the iteration early, ends it at once: what is under way is abandoned.
        """
        halt = self._halt
        todo = iter(enumerate(items))
        done: SimpleQueue[tuple[int, Result | None, BaseException | None] | None] = SimpleQueue()

        def work() -> None:
            while not halt.is_set():
                with self._lock:
                    place, item = next(todo, (-1, None))
                if place < 0:
                    break
                try:
                    done.put((place, function(item), None))  # type: ignore[arg-type]
                except BaseException as error:
                    done.put((place, None, error))
                    halt.set()  # after it: what others raise by this is not the reason
            done.put(None)

        workers = min(self.server.concurrency, len(items))
        for _ in range(workers):  # daemons, so that nobody waits for a silent server after Ctrl-C
            Thread(target=work, daemon=True).start()
        failure: BaseException | None = None
        try:
            while workers:
                outcome = done.get()
                if outcome is None:
                    workers -= 1
                elif outcome[2] is None:
                    yield outcome[0], outcome[1]  # type: ignore[misc]
                else:
                    failure = failure or outcome[2]
        finally:
            if halt.is_set() or workers:
                halt.set()
                self._halt = Event()
        if failure is not None:
            raise failure

    def _ask(self, method: str, path: str, idempotency_key: str | None = None, **request: Any) -> Reply:
        content, seconds, attempts = self._repeat(method, path, idempotency_key, replied, request)
        return Reply(scrubbed(content, self.server.key()), seconds, attempts)

    def _repeat(
        self, method: str, path: str, idempotency_key: str | None, read: Callable[[bytes], Result], request: Any
    ) -> tuple[Result, float, int]:
        """What `read` makes of the reply, the seconds of the attempt that brought it, and how many there were."""
        halt, begun, place = self._halt, self._clock(), f"{self.server.url}/{path.lstrip('/')}"
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        for attempt in range(1, self.server.retries + 2):
            self._hold(halt)
            sent = self._clock()
            outcome = self._send(method, place, headers, read, request)
            now = self._clock()
            if not isinstance(outcome, _Failure):
                return outcome, now - sent, attempt
            wait = outcome.asked or backoff(attempt, self._random)
            if attempt > self.server.retries or wait > MOST_ASKED_SECONDS:
                asked = f"; it wants to be left alone for {wait:.0f} s" if outcome.asked else ""
                raise exhausted(f"{method} {place}", outcome.reason + asked, attempt, now - begun, outcome.status)
            self._tell(attempt, method, place, outcome.reason.rstrip("."), wait)
            if outcome.asked:  # the server speaks to all, not to this request alone
                with self._lock:
                    self._not_before = max(self._not_before, now + wait)
            else:
                self._sleep(wait, halt)
        raise AssertionError("the last attempt returns or raises")

    def _tell(self, attempt: int, method: str, place: str, reason: str, wait: float) -> None:
        """Says what failed; aloud only once, when it has not passed quickly: a wrong address is waited for in vain."""
        with self._lock:
            aloud, self._silent = self._silent and attempt > 1, self._silent and attempt == 1
        logger.debug("%s %s: %s; again in %.1f s", method, place, reason, wait)
        if aloud:
            logger.warning("%s: %s. It is asked up to %d times.", place, reason, self.server.retries + 1)

    def _hold(self, halt: Event) -> None:
        """Waits until the server wants to be asked again."""
        left = self._not_before - self._clock()
        if left > 0:
            self._sleep(left, halt)
        if halt.is_set():
            raise stopped(self.server.url)

    def _sleep(self, seconds: float, halt: Event) -> None:
        (self._wait or halt.wait)(seconds)
        if halt.is_set():
            raise stopped(self.server.url)

    def _send(
        self, method: str, place: str, headers: Mapping[str, str], read: Callable[[bytes], Result], request: Any
    ) -> "Result | _Failure":
        """One attempt: what was read, or a failure that may pass; raises ApiError for one that won't."""
        import httpx

        try:
            with self._http.stream(method, place, headers=headers, **request) as response:
                content = body(response)
            if response.is_success:
                return read(content)
        except httpx.TimeoutException:
            return _Failure(f"no reply in {self.server.timeout_seconds:g} s{self._through}")
        except (httpx.TransportError, httpx.DecodingError) as error:
            reason = shown(f"{error or type(error).__name__}", self.server.key())
            if any(code in reason for code in NOT_MENDED_BY_WAITING):
                raise distrusted(place, reason) from None
            return _Failure(reason + self._through)
        except httpx.InvalidURL as error:
            raise InputError(f"{place}: is no address ({error}). Check the server's URL.") from None
        except BadReplyError as error:
            return _Failure(shown(str(error), self.server.key()))
        message, code = told(content)
        said = shown(message, self.server.key())
        if not may_be_repeated(response.status_code, code):
            raise refused(self.server, f"{method} {place}", response.status_code, shown(code, self.server.key()), said)
        return _Failure(f"status {response.status_code}: {said}", asked_seconds(response.headers), response.status_code)


@dataclass(frozen=True)
class _Failure:
    """Why an attempt failed, and the seconds that the server asks to wait before the next, if it does."""

    reason: str
    asked: float | None = None
    status: int | None = None
