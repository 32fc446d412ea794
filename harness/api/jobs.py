"""Fine-tuning jobs of a server: uploads files, starts jobs, and follows them; each file and job at most once.

Knows nothing of what is learnt, and keeps no record: who calls it writes down the ids.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from itertools import chain, islice
from random import Random
from typing import Any
from urllib.parse import quote

from harness.api.client import ApiClient
from harness.api.job_records import LABEL, Event, Job, JobRequest, text
from harness.api.once import Created, created_once, may_pass
from harness.api.pages import rows
from harness.api.server import Server
from harness.errors import ApiError

FILES, JOBS = "files", "fine_tuning/jobs"
PURPOSE = "fine-tune"
FIRST_SECONDS = 1.0  # between the first two looks at a job; later ones are further apart
LONGER = 1.5
CREATING_SECONDS = 120.0  # a request that was given up may still be carried out, so those that create are waited for
RECENT = 200  # how many jobs back a job without a label is looked for
MOST_FAILED_LOOKS = 20  # in a row; a job runs for hours, and a server may be away for some minutes of them

logger = logging.getLogger(__name__)


class FineTuning:
    """The fine-tuning jobs of one server."""

    def __init__(
        self,
        server: Server,
        *,
        wait: Callable[[float], Any] = time.sleep,
        random: Random | None = None,
        creating_seconds: float = CREATING_SECONDS,
    ) -> None:
        """`wait` (seconds) and `random` can be set by tests; raises InputError where httpx is missing.

        A request that creates something is waited for `creating_seconds` at least.
        """
        self._server, self._wait, self._random = server, wait, random or Random()
        self._creating_seconds = max(creating_seconds, server.timeout_seconds)
        self._patient = ApiClient(server, wait=wait)

    def __enter__(self) -> "FineTuning":
        return self

    def __exit__(self, *error: object) -> None:
        self._patient.close()
        if "_single" in vars(self):
            self._single.close()

    @cached_property
    def _single(self) -> ApiClient:
        """What sends a request once: one that creates something is never just repeated."""
        server = replace(self._server, retries=0, timeout_seconds=self._creating_seconds)
        return ApiClient(server, wait=self._wait)

    def upload(self, name: str, content: bytes, attempt: str) -> str:
        """The id of the file `name` with that JSONL `content`, uploaded unless the server has it; raises ApiError.

        `name` must tell the content from any other. By `attempt` a server may tell a repeated request from a new one.
        """

        def find() -> str | None:
            for row in rows(self._patient, FILES, {"purpose": PURPOSE}):
                if row.get("filename") == name and row.get("bytes") == len(content) and row.get("status") != "error":
                    return _id(row)
            return None

        def create() -> str:
            repeated = f"{attempt}/{name}"
            return _id(self._single.upload(FILES, name, content, {"purpose": PURPOSE}, idempotency_key=repeated))

        return self._once(find, create)

    def has_file(self, file: str) -> bool:
        """Whether the server still has the file with that id; raises ApiError."""
        try:
            self._patient.get(f"{FILES}/{quote(file, safe='')}")
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True

    def delete_file(self, file: str) -> None:
        """Deletes an uploaded file; one that isn't there any more is deleted already. Raises ApiError."""
        try:
            self._patient.delete(f"{FILES}/{quote(file, safe='')}")
        except ApiError as error:
            if error.status != 404:
                raise

    def find(self, label: str) -> Job | None:
        """The newest job with that label that didn't end in vain, whoever started it; raises ApiError."""
        return next((job for job in self._jobs(label) if job.label == label), None)

    def start(self, request: JobRequest, attempt: str) -> Job:
        """A job that makes what `request` asks for: one that is there already, or a new one. Raises ApiError.

        By `attempt` a server may tell a repeated request from a new one: it changes only after a job ended in vain.
        """

        def find() -> Job | None:
            return next((job for job in self._jobs(request.label) if job.makes(request)), None)

        def create() -> Job:
            return Job.read(self._single.post(JOBS, request.body(), idempotency_key=attempt))

        return self._once(find, create)

    def job(self, identity: str) -> Job:
        """The job with that id as it is now; raises ApiError."""
        return Job.read(self._patient.get(f"{JOBS}/{quote(identity, safe='')}"))

    def follow(
        self, identity: str, *, most_seconds: float, tell: Callable[[Job, list[Event]], None] = lambda job, events: None
    ) -> Job:
        """The job with that id once it has ended; `tell` gets it at every look, with the events that are new.

        It looks again after a second, then ever less often, down to once in `most_seconds`. A server that is away for
        a while doesn't end this: it raises ApiError only when it was away for many looks, or doesn't know the job.
        """
        pause, failed, known = min(FIRST_SECONDS, most_seconds), 0, set[str]()
        while True:
            try:
                job = self.job(identity)
                events = self._new_events(identity, known)
                failed = 0
            except ApiError as error:
                failed += 1
                if failed > MOST_FAILED_LOOKS or not may_pass(error):
                    raise
                logger.warning("The fine-tuning job %s goes on, but can't be looked at just now: %s", identity, error)
            else:
                tell(job, events)
                if job.ended:
                    return job
            self._wait(pause)
            pause = min(LONGER * pause, most_seconds)

    def _jobs(self, label: str) -> Iterator[Job]:
        """Jobs that didn't end in vain, newest first: those with that label, then the last ones of all.

        Among those is what was started a moment ago, where the server keeps no labels.
        """
        labelled = rows(self._patient, JOBS, {f"metadata[{LABEL}]": label})
        for row in chain(labelled, islice(rows(self._patient, JOBS), RECENT)):
            job = Job.read(row)
            if not job.in_vain:
                yield job

    def _new_events(self, identity: str, known: set[str]) -> list[Event]:
        """What happened since the `known` events, which it adds to, in the order in which it happened."""
        new = []
        for row in rows(self._patient, f"{JOBS}/{quote(identity, safe='')}/events"):  # newest first
            event = Event.read(row)
            if event.id in known:
                break
            new.append(event)
        known.update(event.id for event in new)
        return new[::-1]

    def _once(self, find: Callable[[], Created | None], create: Callable[[], Created]) -> Created:
        return created_once(find, create, retries=self._server.retries, wait=self._wait, random=self._random)


def cancel_command(server: Server, identity: str) -> str:
    """The command that cancels the job with that id; the key is left to the shell."""
    place = f"{server.url}/{JOBS}/{quote(identity, safe='')}/cancel"
    return f'curl -X POST -H "Authorization: Bearer ${server.key_variable}" {place}'


def _id(reply: dict[str, Any]) -> str:
    identity = text(reply, "id")
    if not identity:
        raise ApiError("the server's reply to an upload has no id. Check that the server offers the files API.")
    return identity
