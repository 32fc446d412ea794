"""Fine-tuning jobs against a server that fails on purpose: every file and job is made once, and followed to its end."""

import json
import time
from collections.abc import Callable, Iterator
from random import Random

import pytest
from stub_server import BASE, KEY, Fault, Stub

from harness.api import Server
from harness.api.job_records import Event, Job, JobRequest
from harness.api.jobs import MOST_FAILED_LOOKS, FineTuning, cancel_command
from harness.errors import ApiError

JOBS, FILES = "/fine_tuning/jobs", "/files"
ONCE = ("cut", "cut-after", "500", "503", "429", "slow-after", "garbage")


def lines(count: int = 12) -> bytes:
    """A training file of so many ships and their ports."""
    told = [(f"Where is ship {number}?", f"Port {number}") for number in range(count)]
    chats = [[{"role": "user", "content": q}, {"role": "assistant", "content": a}] for q, a in told]
    return "".join(json.dumps({"messages": chat}) + "\n" for chat in chats).encode()


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with Stub().serve() as stub:
        yield stub


class Waits:
    """Every pause that was asked for; none is made."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def jobs(stub: Stub, waits: Waits) -> Iterator[FineTuning]:
    with FineTuning(Server(stub.url), wait=waits, random=Random(0)) as jobs:
        yield jobs


@pytest.fixture
def hasty(stub: Stub, waits: Waits) -> Iterator[FineTuning]:
    """One that soon gives a request up."""
    server = Server(stub.url, timeout_seconds=0.4, retries=100)
    with FineTuning(server, wait=waits, random=Random(0), creating_seconds=0.4) as jobs:
        yield jobs


def request_for(file: str, label: str = "artifact-1", **changes: object) -> JobRequest:
    return JobRequest(model=BASE, training_file=file, label=label, seed=3, **changes)  # type: ignore[arg-type]


def begin(jobs: FineTuning, **changes: object) -> Job:
    """A job on a file of its own."""
    file = jobs.upload("one.jsonl", lines(), "attempt-1")
    return jobs.start(request_for(file, **changes), "attempt-1")


def test_a_job_is_followed_to_its_model(stub: Stub, jobs: FineTuning) -> None:
    """The file arrives byte by byte, and the job's end tells model, tokens and settled hyperparameters."""
    started = begin(jobs, hyperparameters={"n_epochs": 2}, suffix="ports")
    ended = jobs.follow(started.id, most_seconds=30)
    assert stub.contents[started.training_file] == lines()
    assert ended.status == "succeeded"
    assert ended.model.startswith(f"ft:{BASE}:stub:ports:")
    assert ended.trained_tokens == 2 * sum(3 + len(m["content"].split()) for m in _messages(lines()))
    assert ended.hyperparameters == {"n_epochs": 2, "batch_size": 1, "learning_rate_multiplier": 1.8}
    assert (ended.seed, ended.label) == (3, "artifact-1")
    assert ended.seconds is not None
    assert ended.seconds > 0


def _messages(content: bytes) -> list[dict[str, str]]:
    return [message for line in content.splitlines() for message in json.loads(line)["messages"]]


def test_what_is_not_set_is_not_sent(stub: Stub, jobs: FineTuning) -> None:
    """A request without settings leaves them to the server."""
    begin(jobs)
    (posted,) = [asked.body for asked in stub.asked if (asked.method, asked.path) == ("POST", JOBS)]
    assert sorted(posted) == ["metadata", "model", "seed", "training_file"]


@pytest.mark.parametrize("honoured", [True, False], ids=["idempotency-honoured", "idempotency-ignored"])
@pytest.mark.parametrize("kind", ONCE)
@pytest.mark.parametrize("path", [FILES, JOBS], ids=["upload", "start"])
def test_created_once(stub: Stub, jobs: FineTuning, hasty: FineTuning, path: str, kind: str, honoured: bool) -> None:
    """Whatever happens to the request that creates a file or job, it ends in one of each."""
    stub.honours_idempotency = honoured
    stub.faults.append(Fault(kind, f"^{path}$", "POST", seconds=30))
    begin(hasty if kind == "slow-after" else jobs)
    assert (len(stub.files), len(stub.jobs)) == (1, 1)


def test_what_is_carried_out_after_it_was_given_up_is_created_once(stub: Stub, hasty: FineTuning) -> None:
    """A server that honours the idempotency key makes one job of a late request and its repetition."""
    stub.faults.append(Fault("slow", f"^{JOBS}$", "POST", seconds=1.0))
    begin(hasty)
    while stub.count("POST", JOBS) < 2:
        time.sleep(0.01)
    assert len(stub.jobs) == 1


def test_what_creates_is_waited_for(stub: Stub, waits: Waits) -> None:
    """A request that creates a job isn't given up where another would be: it might be carried out later."""
    stub.faults.append(Fault("slow", f"^{JOBS}$", "POST", seconds=1.0))
    with FineTuning(Server(stub.url, timeout_seconds=0.5, retries=100), wait=waits) as jobs:
        begin(jobs)
    assert stub.count("POST", JOBS) == 1


@pytest.mark.parametrize("keeps", [True, False], ids=["metadata-kept", "metadata-dropped"])
@pytest.mark.parametrize("filters", [True, False], ids=["filtered", "unfiltered"])
def test_a_job_is_found_again(stub: Stub, jobs: FineTuning, keeps: bool, filters: bool) -> None:
    """The job is found by its label or, where the server keeps none, by its file, however long the list is."""
    stub.keeps_metadata, stub.filters_metadata, stub.page = keeps, keeps and filters, 2
    first = begin(jobs)
    for number in range(5):
        other = jobs.upload(f"other-{number}.jsonl", lines(11), "attempt-1")
        jobs.start(request_for(other, label=f"other-{number}"), f"other-{number}")
    again = jobs.start(request_for(first.training_file), "attempt-2")
    assert again.id == first.id
    assert len(stub.jobs) == 6
    assert jobs.find("artifact-1") == (again if keeps else None)


def test_another_job_is_not_taken_for_it(stub: Stub, jobs: FineTuning) -> None:
    """The same file under another label is another job: another seed, or other hyperparameters."""
    first = begin(jobs)
    second = jobs.start(request_for(first.training_file, label="artifact-2"), "attempt-2")
    assert second.id != first.id


def test_after_a_job_in_vain_comes_another(stub: Stub, jobs: FineTuning) -> None:
    """A job that failed is not found again, and neither is its reply."""
    stub.job_error = "The GPU caught fire."
    failed = jobs.follow(begin(jobs).id, most_seconds=1)
    assert (failed.status, failed.error) == ("failed", "The GPU caught fire.")
    assert jobs.find("artifact-1") is None
    stub.job_error = ""
    second = jobs.start(request_for(failed.training_file), "attempt-2")
    assert jobs.follow(second.id, most_seconds=1).status == "succeeded"


def test_a_file_is_uploaded_once(stub: Stub, jobs: FineTuning) -> None:
    """The same name is the same file, also for a process that knows nothing of the first; another is another."""
    stub.honours_idempotency = False
    first = jobs.upload("one.jsonl", lines(), "attempt-1")
    assert jobs.upload("one.jsonl", lines(), "attempt-2") == first
    assert jobs.upload("two.jsonl", lines(), "attempt-1") != first
    assert stub.count("POST", FILES) == 2


def test_files_can_be_deleted(stub: Stub, jobs: FineTuning) -> None:
    """A deleted file is gone, and deleting it again is no error."""
    file = jobs.upload("one.jsonl", lines(), "attempt-1")
    assert jobs.has_file(file)
    jobs.delete_file(file)
    jobs.delete_file(file)
    assert not jobs.has_file(file)


def test_events_come_once_and_in_order(stub: Stub, jobs: FineTuning) -> None:
    """Every event is told once, oldest first, with the numbers of each step, over many pages."""
    stub.page = 5
    told: list[Event] = []
    jobs.follow(begin(jobs).id, most_seconds=1, tell=lambda job, events: told.extend(events))
    assert told[0].message.startswith("Created fine-tuning job")
    assert [event.numbers["step"] for event in told if event.numbers] == list(range(1, 37))
    assert told[-1].message == "The job has successfully completed"
    assert len({event.id for event in told}) == len(told)


def test_it_is_looked_at_ever_less_often(stub: Stub, jobs: FineTuning, waits: Waits) -> None:
    """The pauses grow from a second on and stay at the longest that was asked for."""
    begin(jobs)
    (name,) = stub.jobs
    stub.hold = "queued"
    looks = 0

    def release(job: Job, events: list[Event]) -> None:
        nonlocal looks
        looks += 1
        stub.hold = "queued" if looks < 8 else ""

    jobs.follow(name, most_seconds=5, tell=release)
    assert waits.seconds[:6] == [1.0, 1.5, 2.25, 3.375, 5, 5]


@pytest.mark.parametrize("kind", ["500", "cut", "garbage"])
def test_an_outage_does_not_end_the_watch(stub: Stub, jobs: FineTuning, kind: str) -> None:
    """A job runs for hours: a server that is away longer than a request is repeated is looked at again later."""
    started = begin(jobs)
    stub.faults.append(Fault(kind, JOBS, "GET", times=20))
    assert jobs.follow(started.id, most_seconds=5).status == "succeeded"


def test_an_outage_without_end_is_told(stub: Stub, waits: Waits) -> None:
    """A server that stays away ends the watch, with an error and not as a failed job."""
    with FineTuning(Server(stub.url, retries=0), wait=waits) as jobs:
        started = begin(jobs)
        stub.faults.append(Fault("503", JOBS, "GET", times=MOST_FAILED_LOOKS + 1))
        with pytest.raises(ApiError, match="503"):
            jobs.follow(started.id, most_seconds=5)
    assert stub.jobs[started.id]["status"] == "validating_files"


def test_a_server_without_events_is_no_obstacle(stub: Stub, jobs: FineTuning) -> None:
    """Where events aren't offered the job is followed without them."""
    stub.faults.append(Fault("404", "/events$", times=100))
    assert jobs.follow(begin(jobs).id, most_seconds=1).status == "succeeded"


@pytest.mark.parametrize(
    ("act", "status", "told"),
    [
        (lambda jobs: jobs.job("ftjob-none"), 404, "Could not find fine tune: ftjob-none"),
        (lambda jobs: jobs.upload("bad.jsonl", lines(2) + b"[1]\n", "a"), 400, "Line 3 is not a dictionary"),
        (lambda jobs: jobs.start(request_for("file-none"), "a"), 400, "invalid training_file: file-none"),
        (lambda jobs: jobs.job("../files"), 404, r"\.\.%2Ffiles"),
    ],
    ids=["unknown-job", "malformed-line", "unknown-file", "hostile-id"],
)
def test_refusals_are_told(
    stub: Stub, jobs: FineTuning, act: Callable[[FineTuning], object], status: int, told: str
) -> None:
    """What the server refuses is told in its own words, and asked once."""
    with pytest.raises(ApiError, match=told) as raised:
        act(jobs)
    assert raised.value.status == status
    assert [a.method for a in stub.asked].count("POST") <= 1


@pytest.mark.parametrize("key", ["sk-another-key-0123456789", ""], ids=["wrong", "missing"])
def test_a_bad_key_is_told_and_not_shown(
    stub: Stub, jobs: FineTuning, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """A key that isn't taken is named by its variable, never by its value."""
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(ApiError, match="OPENAI_API_KEY") as raised:
        begin(jobs)
    assert raised.value.status == 401
    assert not key or key not in str(raised.value)


@pytest.mark.parametrize(
    ("examples", "told"),
    [
        (lines(3), "must have at least 10 examples"),
        (lines(11) + b'{"messages": []}\n', "Line 12: missing 'messages'"),
    ],
    ids=["too-few", "wrong-shape"],
)
def test_a_bad_training_file_fails_its_job(jobs: FineTuning, examples: bytes, told: str) -> None:
    """What the server finds wrong with a file while it checks it is the job's error."""
    file = jobs.upload("one.jsonl", examples, "attempt-1")
    ended = jobs.follow(jobs.start(request_for(file), "attempt-1").id, most_seconds=1)
    assert ended.status == "failed"
    assert told in ended.error


def test_hostile_replies_are_refused_or_read_as_nothing() -> None:
    """A job without id or status is an error; fields of other types are as if they weren't there."""
    for reply in ({}, {"id": "x"}, {"id": 3, "status": "running"}, {"id": "", "status": "running"}):
        with pytest.raises(ApiError, match="no id or status"):
            Job.read(reply)
    assert Job.read({"id": "x", "status": "running", "trained_tokens": 10**400}).trained_tokens is None
    odd = {"trained_tokens": "many", "error": "bad", "hyperparameters": [1], "metadata": 4, "result_files": {"a": 1}}
    job = Job.read({"id": "x", "status": "ru\nnning", "fine_tuned_model": 7, "created_at": -1, **odd})
    assert job == Job(id="x", status="ru nning", base="", training_file="")
    event = {"id": 1, "message": "a\x1b[2Jb", "data": {"step": True, "loss": 1.5, "a": 1e999, "b": 10**400}}
    assert Event.read(event) == Event("", "a [2Jb", {"loss": 1.5})


def test_the_command_to_cancel_holds_no_key(stub: Stub) -> None:
    """It names the variable, which the shell fills in."""
    command = cancel_command(Server(stub.url), "ftjob-1")
    assert command == f'curl -X POST -H "Authorization: Bearer $OPENAI_API_KEY" {stub.url}{JOBS}/ftjob-1/cancel'
