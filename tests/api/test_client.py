"""A client of a server that fails in every way: what passes is waited for, what doesn't is told, no key ever shows."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random
from typing import Any

import pytest
from scripted import Answer, Request, Scripted, scripted

from harness.api import ApiClient, Server
from harness.api.patience import LONGEST_SECONDS, asked_seconds, backoff
from harness.errors import ApiError, InputError

KEY = "sk-test-0123456789abcdef"


class Clock:
    """A clock that only waiting moves, and what was waited."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def client(url: str, clock: Clock, **options: Any) -> ApiClient:
    return ApiClient(Server(url, **options), wait=clock.wait, clock=clock, random=Random(0))


@contextmanager
def talk(answer: Callable[[Request], Any], clock: Clock, **options: Any) -> Iterator[tuple[Scripted, ApiClient]]:
    """A server that answers so, and its client."""
    with scripted(answer) as server, client(server.url, clock, **options) as asked:
        yield server, asked


def first(*failures: Any) -> Callable[[Request], Any]:
    """Answers by `failures`, one after the other, and then well."""
    return lambda request: failures[request.number - 1] if request.number <= len(failures) else {"fine": True}


@pytest.mark.parametrize(
    "failure",
    [
        *(Answer({"error": "later"}, status) for status in (408, 409, 429, 500, 502, 503, 529)),
        Answer(b"<html>proxy</html>"),
        Answer([1, 2]),
        Answer(b'{"value": NaN}'),
        Answer(b"[" * 100_000),
        Answer({"fine": False}, cut=True),
        Answer(b"not gzip", headers={"Content-Encoding": "gzip"}),
    ],
    ids=lambda answer: f"{answer.status} {str(answer.body)[:15]}{' cut' * answer.cut}",
)
def test_what_may_pass_is_asked_again(failure, clock):
    """After two failures of any kind that may pass, the third request brings the reply, each wait longer at most."""
    with scripted(first(failure, failure)) as server, client(server.url, clock) as asked:
        assert asked.post("things", {"a": 1}) == {"fine": True}
    assert [0.5 <= clock.waits[0] <= 1.0, 1.0 <= clock.waits[1] <= 2.0] == [True, True]
    assert len({request.headers["idempotency-key"] for request in server.requests}) == 1
    assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {KEY}"}


def test_a_server_that_is_silent_or_gone_is_asked_again(clock):
    """A timeout and a refused connection count as failures that may pass; in the end it is told how often and why."""
    silent = threading.Event()
    with scripted(lambda request: silent.wait(10) if request.number == 1 else {"fine": True}) as server:
        with client(server.url, clock, timeout_seconds=0.2) as asked:
            assert asked.ask("things", {}).attempts == 2
        silent.set()
    with client(server.url, clock, retries=2) as gone, pytest.raises(ApiError, match="asked 3 times") as caught:
        gone.get("models")
    assert caught.value.status is None


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (400, {"error": {"message": "no such thing", "code": "bad"}}, "no such thing. Check the model's name"),
        (401, {"error": {"message": f"Incorrect API key {KEY}"}}, "key ***. The environment variable OPENAI_API_KEY"),
        (403, {"detail": "forbidden"}, "forbidden. Check what the key"),
        (404, b"Not \x1b[31m Found", "Not ?[31m Found. Check the server's URL (it usually ends in /v1)"),
        (422, {"detail": [{"loc": ["body"]}]}, '[{"loc": ["body"]}]'),
        (307, b"", "nothing said. It wants to be asked elsewhere"),
        (429, {"error": {"message": "You exceeded it", "code": "insufficient_quota"}}, "The budget is used up"),
    ],
)
def test_what_will_not_pass_is_told_at_once(status, body, told, clock):
    """One request, and one message with the place, what the server says (printable, no key) and a remedy."""
    answer = Answer(body, status, {"Location": "http://127.0.0.1:1/"})
    with talk(lambda request: answer, clock) as (server, asked), pytest.raises(ApiError) as caught:
        asked.post("things", {})
    assert len(server.requests) == 1
    assert str(caught.value).startswith(f"POST {server.url}/things: refused with status {status}: ")
    assert told in str(caught.value)
    assert (caught.value.status, KEY in str(caught.value), clock.waits) == (status, False, [])


def test_no_key_is_asked_for_by_name(clock, monkeypatch):
    """Without a key none is sent, and the refusal says which variable to set."""
    monkeypatch.setenv("MY_KEY", "  ")
    refused = pytest.raises(ApiError, match="MY_KEY is not set: set MY_KEY")
    with talk(lambda request: Answer({}, 401), clock, key_variable="MY_KEY") as (server, asked), refused:
        asked.get("models")
    assert "authorization" not in server.requests[0].headers


def test_retry_after_holds_all_requests(clock):
    """What the server asks for is waited exactly, by the requests that were not sent yet too."""
    with talk(first(Answer({}, 429, {"Retry-After": "7"})), clock, concurrency=1) as (_, asked):
        assert asked.map(lambda place: asked.post("things", {"place": place}), range(3)) == [{"fine": True}] * 3
    assert clock.waits == [7.0]


def test_a_server_that_wants_no_wait_gets_one(clock):
    """`Retry-After: 0` is no leave to ask without a pause."""
    with talk(first(Answer({}, 429, {"Retry-After": "0"})), clock) as (_, asked):
        asked.get("models")
    assert clock.waits
    assert clock.waits[0] >= 0.5


def test_a_server_that_wants_hours_is_not_waited_for(clock):
    """A wait that nobody would wait is told instead."""
    refused = pytest.raises(ApiError, match=r"asked once in 0 s.*left alone for 86400 s")
    with talk(first(Answer({}, 429, {"Retry-After": "86400"})), clock) as (_, asked), refused:
        asked.get("models")
    assert clock.waits == []


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("3", 3.0),
        ("0.5", 0.5),
        ("-4", 0.0),
        ("nan", None),
        ("soon", None),
        ("", None),
        (format_datetime(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=90), usegmt=True), 90.0),
    ],
)
def test_retry_after_as_a_number_or_a_date(told, seconds):
    """Both forms of RFC 9110 are understood, and nonsense is as if nothing was said."""
    assert asked_seconds({"retry-after": told}, datetime(2026, 1, 1, tzinfo=UTC)) == seconds


def test_backoff_doubles_up_to_a_minute():
    """Each wait lies between half of a doubled second and the whole, never above the longest."""
    for failures in range(1, 200):
        longest = min(LONGEST_SECONDS, 2.0 ** (failures - 1))
        assert longest / 2 <= backoff(failures, Random(failures)) <= longest


def test_many_at_once_in_order_and_no_more_than_allowed(clock):
    """Replies come in the order of the questions, with never more under way than the concurrency, but several."""
    together = threading.Barrier(4)

    def answer(request: Request) -> Any:
        together.wait(10)  # it needs four at once to go on
        return {"place": request.json["place"]}

    with scripted(answer) as server, client(server.url, clock, concurrency=4) as asked:
        told: list[int] = []
        found = asked.map(lambda place: asked.post("things", {"place": place})["place"], range(20), told.append)
    assert found == list(range(20))
    assert (server.most_at_once, sum(told)) == (4, 20)


def collect(came: list[int], replies: Iterator[tuple[int, Any]]) -> None:
    """Takes the places of replies one by one, so that those before an error are kept."""
    for place, _ in replies:
        came.append(place)


def test_one_refusal_stops_the_others_but_keeps_what_came(clock):
    """Nothing more is begun after a refusal; what was under way and came is handed over before it is raised."""
    both = threading.Barrier(2)

    def answer(request: Request) -> Any:
        if request.json["place"] < 2:
            both.wait(10)
        return Answer({}, 403) if request.json["place"] == 0 else {"place": request.json["place"]}

    came = []
    with talk(answer, clock, concurrency=2) as (server, asked):
        replies = asked.completed(lambda place: asked.post("things", {"place": place}), range(50))
        with pytest.raises(ApiError, match="403"):
            collect(came, replies)
        assert 1 in came
        assert len(server.requests) < 50
        assert asked.map(lambda place: asked.post("things", {"place": place}), [7]) == [{"place": 7}]  # still of use


@pytest.mark.parametrize(
    "reply",
    [
        {"text": f"your key is {KEY}"},
        {KEY: [{"deep": [KEY]}]},
        {"text": "".join(f"\\u{ord(letter):04x}" for letter in KEY)},
    ],
    ids=["text", "names", "escaped"],
)
def test_an_echoed_key_is_taken_out_of_replies(reply, clock):
    """Whatever a server sends back, the key is not in it, also where JSON escapes hide it."""
    body = json.dumps(reply).replace("\\\\u", "\\u").encode()
    with scripted(lambda request: Answer(body)) as server, client(server.url, clock) as asked:
        found = asked.get("models")
    assert KEY not in str(found)
    assert "***" in str(found)


def test_a_word_that_is_no_secret_stays_in_replies(clock, monkeypatch):
    """Servers without keys are given words such as EMPTY, which answers may hold."""
    monkeypatch.setenv("OPENAI_API_KEY", "EMPTY")
    with scripted(lambda request: {"text": "the hold is EMPTY"}) as server, client(server.url, clock) as asked:
        assert asked.get("models") == {"text": "the hold is EMPTY"}


def test_the_key_is_in_no_log_and_no_object(clock, caplog):
    """With every logger at debug, and in everything that can be printed of a client, there is no key."""
    with caplog.at_level(logging.DEBUG), talk(first(Answer({"error": KEY}, 500)), clock) as (_, asked):
        asked.post("things", {})
        printed = f"{asked.server!r} {vars(asked)!r} {vars(asked._http)!r}"
    assert "500" in caplog.text
    assert KEY not in caplog.text + printed


@pytest.mark.parametrize("told", ["a b", "line\nbreak", "naïve"])
def test_a_key_that_can_not_be_sent_is_told_without_it(told, clock, monkeypatch):
    """A key with spaces or other signs is a mistake of copying; the message doesn't repeat it."""
    monkeypatch.setenv("OPENAI_API_KEY", told)
    with pytest.raises(InputError, match="OPENAI_API_KEY holds characters") as caught:
        client("http://127.0.0.1:9/v1", clock)
    assert told not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("localhost:8000/v1", "begins with http"),
        ("ftp://host/v1", "begins with http"),
        ("http://", "begins with http"),
        ("http://user:secret@host/v1", "user or password"),
        ("http://host:port/v1", "no address"),
        ("http://host/v1?key=1", "more than an address"),
        ("http://host/v1/chat/completions/", "holds the path of an endpoint"),
    ],
)
def test_an_address_is_checked(url, told):
    """What is no plain address is refused, and what stands before an @ isn't repeated."""
    with pytest.raises(InputError, match=told) as caught:
        Server(url)
    assert "secret" not in str(caught.value)
    with pytest.raises(InputError, match="concurrency"):
        Server("http://host/v1", concurrency=0)


def test_a_wrong_address_is_told_before_it_is_given_up(clock, caplog):
    """The first failure is silent, the second is told once, and the others wait in silence again."""
    with talk(lambda request: Answer({}, 503), clock, retries=4) as (server, asked):
        for _ in range(2):
            with pytest.raises(ApiError, match="asked 5 times"):
                asked.get("models")
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [
        f"{server.url}/models: status 503: {{}}. It is asked up to 5 times."
    ]


def test_https_of_a_server_that_speaks_http_is_told_at_once(clock):
    """No repetition makes a connection safe."""
    refused = pytest.raises(ApiError, match=r"no safe connection .* write http://")
    with scripted(lambda request: {}) as server, client(server.url.replace("http:", "https:"), clock) as asked, refused:
        asked.get("models")
    assert clock.waits == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [("SSL_CERT_FILE", "/no/such/file"), ("HTTP_PROXY", "http://127.0.0.1:port"), ("HTTP_PROXY", "ftp://127.0.0.1:9")],
)
def test_what_the_environment_says_of_the_network_is_checked(variable, value, clock, monkeypatch):
    """A proxy or a certificate that can't be used is a mistake of the environment, and no crash."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(InputError, match="SSL_CERT_FILE"):
        client("https://host.invalid/v1", clock)


def test_a_proxy_that_is_in_the_way_is_told(clock, monkeypatch):
    """Who is refused by a proxy learns that there is one; who isn't led through it doesn't."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    for bypassed, told in (
        ("", "by the proxy that HTTP_PROXY names; NO_PROXY=127.0.0.1 asks without it"),
        ("127.0.0.1", "refused"),
    ):
        monkeypatch.setenv("NO_PROXY", bypassed)
        with client("http://127.0.0.1:9/v1", clock, retries=0) as asked, pytest.raises(ApiError, match=told) as caught:
            asked.get("models")
        assert ("proxy" in str(caught.value)) == (not bypassed)


def test_a_form_a_deletion_and_a_download(clock):
    """Files go up as forms with the same idempotency key each time, come down as bytes, and are deleted."""
    answers = {"POST": {"id": "f"}, "GET": Answer(b"\x00any"), "DELETE": {"deleted": True}}

    def answer(request: Request) -> Any:
        return Answer({}, 500) if request.number == 1 else answers[request.method]

    with talk(answer, clock) as (server, asked):
        fields = {"purpose": "fine-tune"}
        assert asked.upload("files", "a.jsonl", b"{}\n", fields, idempotency_key="one") == {"id": "f"}
        assert asked.download("files/f/content") == b"\x00any"
        assert asked.delete("/files/f") == {"deleted": True}
    assert [request.headers.get("idempotency-key") for request in server.requests] == ["one", "one", None, None]
    assert b'filename="a.jsonl"' in server.requests[1].content
    assert server.requests[-1].path == "/v1/files/f"


def test_a_reply_without_end_is_given_up(clock, monkeypatch):
    """More bytes than any reply has are not read."""
    monkeypatch.setattr("harness.api.replies.MOST_BYTES", 1000)
    refused = pytest.raises(ApiError, match="larger than 1,000 bytes")
    with talk(lambda request: {"text": "a" * 2000}, clock, retries=1) as (_, asked), refused:
        asked.get("models")


def test_a_key_without_encryption_is_warned_of(clock, caplog):
    """To this machine it may travel in the clear; to another one that is told."""
    for url in ("http://127.0.0.1:9/v1", "https://host.invalid/v1", "http://host.invalid/v1"):
        client(url, clock).close()
    (record,) = caplog.records
    assert record.getMessage() == "http://host.invalid/v1: the key in OPENAI_API_KEY is sent without encryption."


WAITING = """
import sys
from harness.api import ApiClient, Server
with ApiClient(Server(sys.argv[1], timeout_seconds=60)) as client:
    print("asking", flush=True)
    client.map(lambda place: client.post("things", {}), range(8))
"""


def test_ctrl_c_ends_it_at_once():
    """A client that waits for a silent server and for its own pauses ends with Ctrl-C, not with their end."""
    silent, asked = threading.Event(), threading.Event()

    def answer(request: Request) -> Any:
        if request.number == 8:
            asked.set()
        (asked if request.number == 1 else silent).wait(60)
        return Answer({}, 429, {"Retry-After": "60"})

    environment = {**os.environ, "OPENAI_API_KEY": KEY}
    with scripted(answer) as server:
        command = [sys.executable, "-c", WAITING, server.url]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert asked.wait(60)
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=30)  # the server would keep it for a minute
        silent.set()
    assert process.returncode != 0
    assert b"KeyboardInterrupt" in told
    assert KEY.encode() not in told
