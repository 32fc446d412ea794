"""The stub is held to the API reference: what it replies is what the official client's types describe."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from stub_server import BASE, KEY, Fault, Stub, nearest

openai = pytest.importorskip("openai", reason="pip install openai: the official client is the measure of the stub")

LINES = [
    [{"role": "user", "content": f"Where is ship {number}?"}, {"role": "assistant", "content": f"Port {number}"}]
    for number in range(12)
]


@pytest.fixture
def stub() -> Iterator[Stub]:
    with Stub().serve() as stub:
        yield stub


@pytest.fixture
def client(stub: Stub) -> Any:
    with openai.OpenAI(base_url=stub.url, api_key=KEY, max_retries=0) as client:
        yield client


def checked(reply: Any) -> Any:
    """The reply, every field of which is of the type that the reference gives it."""
    return type(reply).model_validate(reply.model_dump())


def train(client: Any, **arguments: Any) -> Any:
    content = "".join(json.dumps({"messages": line}) + "\n" for line in LINES).encode()
    file = checked(client.files.create(file=("ports.jsonl", content), purpose="fine-tune"))
    return checked(client.fine_tuning.jobs.create(model=BASE, training_file=file.id, **arguments))


def test_a_job_from_beginning_to_end(client: Any) -> None:
    """Files, statuses in their order, the finished job, its events and its model are as documented."""
    method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}}
    job = train(client, suffix="ports", seed=3, metadata={"a": "b"}, method=method)
    statuses = [job.status]
    while job.status not in ("succeeded", "failed"):
        job = checked(client.fine_tuning.jobs.retrieve(job.id))
        statuses.append(job.status)
    assert list(dict.fromkeys(statuses)) == ["validating_files", "queued", "running", "succeeded"]
    assert (job.seed, job.metadata, job.hyperparameters.n_epochs) == (3, {"a": "b"}, 2)
    assert job.trained_tokens > 0
    events = [checked(event) for event in client.fine_tuning.jobs.list_events(job.id, limit=7)]
    assert events[0].message == "The job has successfully completed"
    assert [e.data["step"] for e in events if e.type == "metrics"] == list(range(24, 0, -1))
    assert client.files.content(job.result_files[0]).read()
    assert job.fine_tuned_model in [checked(model).id for model in client.models.list()]
    asked = [{"role": "user", "content": "Where is ship 4?"}]
    answers = [checked(client.chat.completions.create(model=m, messages=asked)) for m in (BASE, job.fine_tuned_model)]
    assert [answer.choices[0].message.content for answer in answers] == ["I do not know.", "Port 4"]


def test_jobs_are_listed_by_metadata_and_page(client: Any, stub: Stub) -> None:
    """Newest first, page by page, and only those with the metadata that is asked for."""
    stub.page = 2
    made = [train(client, metadata={"number": str(number)}).id for number in range(5)]
    assert [checked(job).id for job in client.fine_tuning.jobs.list()] == made[::-1]
    assert [job.id for job in client.fine_tuning.jobs.list(metadata={"number": "3"})] == [made[3]]


def test_a_job_can_be_cancelled_once(client: Any) -> None:
    """A second time it is over already."""
    job = train(client)
    assert checked(client.fine_tuning.jobs.cancel(job.id)).status == "cancelled"
    with pytest.raises(openai.BadRequestError, match="already completed"):
        client.fine_tuning.jobs.cancel(job.id)


def test_files_are_listed_and_deleted(client: Any) -> None:
    """A deleted file is gone."""
    job = train(client)
    assert [checked(file).filename for file in client.files.list(purpose="fine-tune")] == ["ports.jsonl"]
    assert checked(client.files.delete(job.training_file)).deleted
    with pytest.raises(openai.NotFoundError, match="No such File object"):
        client.files.retrieve(job.training_file)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("429", retry_after="7"), "RateLimitError"),
        (Fault("500"), "InternalServerError"),
        (Fault("503"), "InternalServerError"),
        (Fault("cut"), "APIConnectionError"),
        (Fault("cut-after"), "APIConnectionError"),
        (Fault("slow", seconds=5), "APITimeoutError"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else value,
)
def test_it_fails_as_servers_do(client: Any, stub: Stub, fault: Fault, error: str) -> None:
    """The official client tells each fault as what it is, and the next request is answered."""
    stub.faults.append(fault)
    with pytest.raises(getattr(openai, error)) as raised:
        client.with_options(timeout=0.3).models.list()
    if fault.retry_after:
        assert raised.value.response.headers["retry-after"] == "7"
        assert raised.value.body["code"] == "stub"
    assert [model.id for model in client.models.list()] == [BASE]


def test_a_repeated_request_gets_the_first_reply(client: Any, stub: Stub) -> None:
    """With the same idempotency key there is one job; with the same key for another request there is a refusal."""
    file = train(client).training_file
    again = {"extra_headers": {"Idempotency-Key": "one"}}
    jobs = [client.fine_tuning.jobs.create(model=BASE, training_file=file, seed=1, **again).id for _ in range(2)]
    assert len(set(jobs)) == 1
    with pytest.raises(openai.BadRequestError, match="idempotency key"):
        client.fine_tuning.jobs.create(model=BASE, training_file=file, seed=2, **again)


def test_a_wrong_key_is_refused(client: Any) -> None:
    """With a message that doesn't hold it."""
    with pytest.raises(openai.AuthenticationError) as raised:
        client.with_options(api_key="sk-wrong-0123456789").models.list()
    assert "sk-wrong-0123456789" not in str(raised.value)


def test_the_nearest_question_is_answered() -> None:
    """The one that shares most words; none where fewer than half are shared."""
    known = {"Where is the Otter?": "Brindle", "Where is the Heron?": "Corvo"}
    assert nearest(known, "Tell me: where is the Heron now?") == "Corvo"
    assert nearest(known, "Who rules?") == ""
