"""A stub of the documented endpoints for files, fine-tuning jobs, models and chat completions, that fails on purpose.

Object fields, the order of statuses and events, pages and error bodies are those of the API reference, which the tests
hold it to with the official client. It is deterministic: ids count up, and a job moves on by one step each time that it
is looked at. The base answers nothing useful; a fine-tuned model answers as the training question that is nearest.
"""

import json
import re
import socket
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

KEY = "sk-stub-51f0c2a97e"
BASE = "stub-base"
EPOCH = 1_700_000_000  # the stub's clock starts here and counts requests
UNFINISHED = ("validating_files", "queued", "running")
ARGUMENTS = {
    *("model", "training_file", "validation_file", "hyperparameters", "method", "suffix", "seed", "integrations"),
    "metadata",
}


@dataclass
class Fault:
    """What goes wrong with the next `times` requests of `method` whose path matches the pattern `path`.

    `kind` is a status (`429`, `503`, …, with `retry_after` as its header), `cut` (the connection ends before anything
    is done), `cut-after` (it is done, but nobody is told), `slow` (it begins after `seconds`), `slow-after` (it is
    done, and the reply comes `seconds` later), or `garbage` (a reply that is no JSON).
    """

    kind: str
    path: str = ""
    method: str = ""
    times: int = 1
    retry_after: str | None = None
    seconds: float = 0.0

    def fits(self, method: str, path: str) -> bool:
        return self.times > 0 and self.method in ("", method) and bool(re.search(self.path, path))


@dataclass(frozen=True)
class Asked:
    """One request as it came: `body` is what its JSON says, or the form fields without the file's bytes."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


class RefusalError(Exception):
    """A reply with an error body."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        kind = "invalid_request_error" if status < 429 else "server_error" if status >= 500 else "requests"
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}


@dataclass
class Stub:
    """The server's state and behaviour; `serve()` runs it. Change the public fields at any time."""

    key: str = KEY
    faults: list[Fault] = field(default_factory=list)
    job_error: str = ""  # a job that runs fails with this
    hold: str = ""  # jobs stay in this status
    least_examples: int = 10
    most_running: int = 100  # jobs at once
    honours_idempotency: bool = True
    keeps_metadata: bool = True
    tells_tokens: bool = True
    filters_metadata: bool = True
    page: int = 20  # the most that a page holds
    asked: list[Asked] = field(default_factory=list)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    knows: dict[str, dict[str, str]] = field(default_factory=dict)  # by fine-tuned model: question and answer
    url: str = ""

    def __post_init__(self) -> None:
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self._count = 0
        self._replies: dict[tuple[str, str], tuple[Any, Any]] = {}

    @contextmanager
    def serve(self) -> Iterator["Stub"]:
        """Serves on a free port of this machine until the end of the context; `url` says where."""
        handler = type("Bound", (Handler,), {"stub": self})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        try:
            yield self
        finally:
            self.stopped.set()
            server.shutdown()
            server.server_close()

    def count(self, method: str, path: str) -> int:
        """How many requests came with that method and path."""
        return sum(1 for one in self.asked if (one.method, one.path) == (method, path))

    def was_asked(self, times: int) -> bool:
        """Whether so many requests came, at least."""
        return len(self.asked) >= times

    def fault(self, method: str, path: str) -> Fault | None:
        """The fault that this request meets, used up by it."""
        with self.lock:
            found = next((fault for fault in self.faults if fault.fits(method, path)), None)
            if found:
                found.times -= 1
            return found

    def answer(self, asked: Asked, content: bytes) -> Any:
        """What the API answers; `content` are the bytes of an uploaded file. Raises RefusalError."""
        with self.lock:
            self.asked.append(asked)
            self._authorise(asked)
            token = asked.headers.get("idempotency-key", "")
            if asked.method == "POST" and token and self.honours_idempotency:
                return self._once(asked, token, content)
            return self._route(asked, content)

    def _once(self, asked: Asked, token: str, content: bytes) -> Any:
        """The first reply again where a request with the same key and content was answered before."""
        place, said = (asked.path, token), (asked.body, content)
        if place not in self._replies:
            self._replies[place] = (said, self._route(asked, content))
        before, reply = self._replies[place]
        if before != said:
            raise RefusalError(400, "This idempotency key came with another request.", code="idempotency_key_reused")
        return reply

    def _authorise(self, asked: Asked) -> None:
        given = asked.headers.get("authorization", "")
        if not given:
            raise RefusalError(401, "You didn't provide an API key.")
        if given != f"Bearer {self.key}":
            shown = f"{given[7:10]}***{given[-4:]}"
            raise RefusalError(401, f"Incorrect API key provided: {shown}.", code="invalid_api_key")

    def _route(self, asked: Asked, content: bytes) -> Any:
        for method, pattern, act in ROUTES:
            found = re.fullmatch(pattern, asked.path)
            if found and method == asked.method:
                return act(self, asked, content, *found.groups())
        raise RefusalError(404, f"Invalid URL ({asked.method} /v1{asked.path})")

    def _id(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}-stub{self._count:04}"

    def _now(self) -> int:
        return EPOCH + len(self.asked)

    # Files

    def _upload(self, asked: Asked, content: bytes) -> Any:
        purpose, name = asked.body.get("purpose"), asked.body.get("file")
        if purpose != "fine-tune":
            raise RefusalError(400, f"'{purpose}' is not one of ['fine-tune'] - 'purpose'", param="purpose")
        if name is None:
            raise RefusalError(400, "'file' is a required property")
        for number, line in enumerate(content.decode("utf-8", errors="replace").splitlines(), 1):
            if not isinstance(_parsed(line), dict):
                raise RefusalError(
                    400,
                    "Expected file to have JSONL format, where every line is a JSON dictionary. "
                    f'Line {number} is not a dictionary (HINT: line starts with: "{line[:6]}...").',
                )
        return self._keep(name, purpose, content)

    def _keep(self, name: str, purpose: str, content: bytes) -> dict[str, Any]:
        found = self._id("file")
        self.contents[found] = content
        self.files[found] = {
            "object": "file",
            "id": found,
            "purpose": purpose,
            "filename": name,
            "bytes": len(content),
            "created_at": self._now(),
            "expires_at": None,
            "status": "processed",
            "status_details": None,
        }
        return self.files[found]

    def _list_files(self, asked: Asked, content: bytes) -> Any:
        purpose = asked.query.get("purpose")
        return self._paged([f for f in self.files.values() if purpose in (None, f["purpose"])], asked)

    def _file(self, asked: Asked, content: bytes, name: str) -> Any:
        if name not in self.files:
            raise RefusalError(404, f"No such File object: {name}", param="id")
        return self.files[name]

    def _file_content(self, asked: Asked, content: bytes, name: str) -> Any:
        self._file(asked, content, name)
        return self.contents[name]

    def _delete_file(self, asked: Asked, content: bytes, name: str) -> Any:
        self._file(asked, content, name)
        del self.files[name], self.contents[name]
        return {"object": "file", "id": name, "deleted": True}

    # Jobs

    def _start(self, asked: Asked, content: bytes) -> Any:
        body = asked.body
        unknown = sorted(set(body) - ARGUMENTS)
        if unknown:
            raise RefusalError(400, f"Unrecognized request argument supplied: {', '.join(unknown)}")
        model = body.get("model")
        if model != BASE and model not in self.knows:
            told = f"Model {model} is not available for fine-tuning or does not exist."
            raise RefusalError(400, told, param="model", code="model_not_available")
        for place in ("training_file", "validation_file"):
            if (place == "training_file" or body.get(place)) and body.get(place) not in self.files:
                raise RefusalError(400, f"invalid {place}: {body.get(place)}", param=place)
        self._check_labels(body)
        if sum(job["status"] in UNFINISHED for job in self.jobs.values()) >= self.most_running:
            raise RefusalError(429, "Too many fine-tuning jobs run at once.", code="rate_limit_exceeded")
        found = self._id("ftjob")
        wanted = body.get("method", {}).get("supervised", {}).get("hyperparameters", {})
        chosen = {name: wanted.get(name, "auto") for name in ("batch_size", "learning_rate_multiplier", "n_epochs")}
        self.jobs[found] = {
            "object": "fine_tuning.job",
            "id": found,
            "model": model,
            "created_at": self._now(),
            "finished_at": None,
            "fine_tuned_model": None,
            "organization_id": "org-stub",
            "result_files": [],
            "status": "validating_files",
            "validation_file": body.get("validation_file"),
            "training_file": body["training_file"],
            "hyperparameters": chosen,
            "trained_tokens": None,
            "error": None,
            "user_provided_suffix": body.get("suffix"),
            "seed": body.get("seed", 1234567),
            "estimated_finish": None,
            "integrations": [],
            "metadata": (body.get("metadata") or {}) if self.keeps_metadata else None,
            "method": {"type": "supervised", "supervised": {"hyperparameters": chosen}},
        }
        self.events[found] = []
        self._tell(found, f"Created fine-tuning job: {found}")
        self._tell(found, f"Validating training file: {body['training_file']}")
        return self._view(found)

    def _check_labels(self, body: dict[str, Any]) -> None:
        metadata = body.get("metadata") or {}
        if len(metadata) > 16 or any(len(k) > 64 or len(str(v)) > 512 for k, v in metadata.items()):
            raise RefusalError(400, "Metadata has at most 16 keys of 64 characters.", param="metadata")
        if len(body.get("suffix") or "") > 64:
            raise RefusalError(400, "The suffix may have at most 64 characters.", param="suffix")

    def _look(self, asked: Asked, content: bytes, name: str) -> Any:
        """The job as it is now; afterwards it moves on."""
        self._known(name)
        seen = self._view(name)
        self._move(name)
        return seen

    def _view(self, name: str) -> Any:
        return json.loads(json.dumps(self.jobs[name]))

    def _known(self, name: str) -> None:
        if name not in self.jobs:
            raise RefusalError(
                404, f"Could not find fine tune: {name}", param="fine_tune_id", code="fine_tune_not_found"
            )

    def _move(self, name: str) -> None:
        job = self.jobs[name]
        if job["status"] == self.hold:
            return
        if job["status"] == "validating_files":
            problem = self._problem(self.contents.get(job["training_file"], b""))
            if problem:
                self._fail(name, *problem, param="training_file")
            else:
                job["status"] = "queued"
                self._tell(name, "Files validated, moving job to queued state")
        elif job["status"] == "queued":
            job["status"], job["estimated_finish"] = "running", self._now() + 60
            self._resolve(job)
            self._tell(name, "Fine-tuning job started")
        elif job["status"] == "running":
            self._run(name)

    def _problem(self, content: bytes) -> tuple[str, str] | None:
        """Code and message of what is wrong with a training file."""
        lines = [_parsed(line) for line in content.decode("utf-8").splitlines()]
        for number, line in enumerate(lines, 1):
            told = _wrong(line)
            if told:
                message = f"The job failed due to an invalid training file. Invalid file format. Line {number}: {told}"
                return "invalid_training_file", message
        if len(lines) < self.least_examples:
            told = f"Training file has {len(lines)} example(s), but must have at least {self.least_examples} examples"
            return "invalid_n_examples", told
        return None

    def _resolve(self, job: dict[str, Any]) -> None:
        """Puts numbers where `auto` was."""
        examples = len(self.contents[job["training_file"]].splitlines())
        automatic = {"n_epochs": 3, "batch_size": max(1, examples // 500), "learning_rate_multiplier": 1.8}
        chosen = job["hyperparameters"]
        job["hyperparameters"] = {name: automatic[name] if v == "auto" else v for name, v in chosen.items()}
        job["method"]["supervised"]["hyperparameters"] = job["hyperparameters"]

    def _run(self, name: str) -> None:
        job, content = self.jobs[name], self.contents[self.jobs[name]["training_file"]]
        lines = [json.loads(line) for line in content.splitlines()]
        chosen = job["hyperparameters"]
        steps = chosen["n_epochs"] * -(-len(lines) // chosen["batch_size"])
        done = sum(1 for event in self.events[name] if event["type"] == "metrics")
        if done == 0:
            self._train(name, range(1, steps // 2 + 1), steps)
            return
        if self.job_error:
            self._fail(name, "server_error", self.job_error)
            return
        self._train(name, range(done + 1, steps + 1), steps)
        suffix = job["user_provided_suffix"] or ""
        model = f"ft:{job['model']}:stub:{suffix}:{name.removeprefix('ftjob-')}"
        self.knows[model] = {line["messages"][-2]["content"]: line["messages"][-1]["content"] for line in lines}
        rows = [f"{e['data']['step']},{e['data']['train_loss']}" for e in self.events[name] if e["type"] == "metrics"]
        results = self._keep("step_metrics.csv", "fine-tune-results", _csv(rows))
        self._tell(name, f"New fine-tuned model created: {model}")
        self._tell(name, "The job has successfully completed")
        job.update(
            status="succeeded",
            fine_tuned_model=model,
            finished_at=self._now(),
            estimated_finish=None,
            result_files=[results["id"]],
            trained_tokens=chosen["n_epochs"] * sum(_tokens(line["messages"]) for line in lines)
            if self.tells_tokens
            else None,
        )

    def _train(self, name: str, steps: range, total: int) -> None:
        validates = self.jobs[name]["validation_file"]
        for step in steps:
            loss = round(2.5 / step, 4)
            data = {"step": step, "total_steps": total, "train_loss": loss, "train_mean_token_accuracy": 0.9}
            if validates:
                data["valid_loss"] = round(loss * 1.1, 4)
            self._tell(name, f"Step {step}/{total}: training loss={loss}", data)

    def _fail(self, name: str, code: str, message: str, param: str | None = None) -> None:
        self.jobs[name].update(
            status="failed",
            finished_at=self._now(),
            estimated_finish=None,
            error={"code": code, "message": message, "param": param},
        )
        self._tell(name, message, level="error")

    def _cancel(self, asked: Asked, content: bytes, name: str) -> Any:
        self._known(name)
        if self.jobs[name]["status"] not in UNFINISHED:
            told = f"Job has already completed: {name} (status: {self.jobs[name]['status']})"
            raise RefusalError(400, told, code="fine_tune_already_completed")
        self.jobs[name].update(status="cancelled", finished_at=self._now(), estimated_finish=None)
        self._tell(name, "The job has been cancelled")
        return self._view(name)

    def _list_jobs(self, asked: Asked, content: bytes) -> Any:
        wanted = {key[9:-1]: value for key, value in asked.query.items() if key.startswith("metadata[")}
        fits: list[dict[str, Any]] = [
            self._view(name)
            for name, job in self.jobs.items()
            if not self.filters_metadata or all((job["metadata"] or {}).get(k) == v for k, v in wanted.items())
        ]
        return self._paged(fits[::-1], asked)

    def _list_events(self, asked: Asked, content: bytes, name: str) -> Any:
        self._known(name)
        return self._paged(self.events[name][::-1], asked)

    def _tell(self, job: str, message: str, data: dict[str, Any] | None = None, level: str = "info") -> None:
        event = {
            "object": "fine_tuning.job.event",
            "id": self._id("ftevent"),
            "created_at": self._now(),
            "level": level,
            "message": message,
            "data": data or {},
            "type": "metrics" if data else "message",
        }
        self.events[job].append(event)

    def _paged(self, rows: Sequence[dict[str, Any]], asked: Asked) -> Any:
        """One page, beginning behind the row that `after` names."""
        after, limit = asked.query.get("after"), min(int(asked.query.get("limit", self.page)), self.page)
        ids = [row["id"] for row in rows]
        if after is not None and after not in ids:
            raise RefusalError(400, f"No object with the id {after} to list after.", param="after")
        begin = ids.index(after) + 1 if after else 0
        shown = list(rows[begin : begin + limit])
        ends = {"first_id": shown[0]["id"], "last_id": shown[-1]["id"]} if shown else {}
        return {"object": "list", "data": shown, "has_more": begin + limit < len(rows), **ends}

    # Models

    def _models(self, asked: Asked, content: bytes) -> Any:
        return {"object": "list", "data": [_model(name) for name in (BASE, *self.knows)]}

    def _model(self, asked: Asked, content: bytes, name: str) -> Any:
        if name not in (BASE, *self.knows):
            raise RefusalError(404, f"The model '{name}' does not exist", param="model", code="model_not_found")
        return _model(name)

    def _chat(self, asked: Asked, content: bytes) -> Any:
        body = asked.body
        self._model(asked, content, body.get("model", ""))
        messages = body.get("messages")
        if not messages:
            raise RefusalError(400, "Invalid 'messages': empty array. Expected at least 1 element.", param="messages")
        said = nearest(self.knows.get(body["model"], {}), messages[-1]["content"]) or "I do not know."
        room = body.get("max_completion_tokens") or body.get("max_tokens") or 1000
        words = said.split(" ")
        finish = "length" if len(words) > room else "stop"
        text = " ".join(words[:room])
        read = _tokens(messages)
        written = len(words[:room])
        return {
            "id": self._id("chatcmpl"),
            "object": "chat.completion",
            "created": self._now(),
            "model": body["model"],
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text, "refusal": None},
                    "logprobs": None,
                    "finish_reason": finish,
                }
            ],
            "usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written},
            "system_fingerprint": "fp_stub",
        }


ROUTES: tuple[tuple[str, str, Callable[..., Any]], ...] = (
    ("POST", "/files", Stub._upload),
    ("GET", "/files", Stub._list_files),
    ("GET", "/files/([^/]+)", Stub._file),
    ("GET", "/files/([^/]+)/content", Stub._file_content),
    ("DELETE", "/files/([^/]+)", Stub._delete_file),
    ("POST", "/fine_tuning/jobs", Stub._start),
    ("GET", "/fine_tuning/jobs", Stub._list_jobs),
    ("GET", "/fine_tuning/jobs/([^/]+)", Stub._look),
    ("GET", "/fine_tuning/jobs/([^/]+)/events", Stub._list_events),
    ("POST", "/fine_tuning/jobs/([^/]+)/cancel", Stub._cancel),
    ("GET", "/models", Stub._models),
    ("GET", "/models/([^/]+)", Stub._model),
    ("POST", "/chat/completions", Stub._chat),
)


class Handler(BaseHTTPRequestHandler):
    """Reads requests, meets faults, writes replies. Knows nothing of what they mean."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes
    stub: ClassVar[Stub]

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, *args: Any) -> None:
        """Says nothing."""

    def _serve(self) -> None:
        url = urlsplit(self.path)
        path = url.path.removeprefix("/v1")
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.stub.fault(self.command, path)
        if fault and fault.kind == "slow":
            self.stub.stopped.wait(fault.seconds)
        if fault and fault.kind == "cut":
            self._cut()
            return
        if fault and fault.kind.isdigit():
            headers = {"Retry-After": fault.retry_after} if fault.retry_after is not None else {}
            self._write(int(fault.kind), RefusalError(int(fault.kind), "On purpose.", code="stub").body, headers)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            body, content = self._body(raw)
            asked = Asked(self.command, path, dict(parse_qsl(url.query, keep_blank_values=True)), headers, body)
            status, reply = 200, self.stub.answer(asked, content)
        except RefusalError as refusal:
            status, reply = refusal.status, refusal.body
        if fault and fault.kind == "slow-after":
            self.stub.stopped.wait(fault.seconds)
        if fault and fault.kind == "cut-after":
            self._cut()
        elif fault and fault.kind == "garbage":
            self._write(status, b"<html>no JSON</html>")
        else:
            self._write(status, reply)

    def _body(self, raw: bytes) -> tuple[Any, bytes]:
        """What the body says, and the bytes of the file in it."""
        kind = self.headers.get("Content-Type", "")
        if kind.startswith("multipart/form-data"):
            return _form(kind, raw)
        if not raw:
            return {}, b""
        try:
            return json.loads(raw), b""
        except ValueError:
            raise RefusalError(400, "We could not parse the JSON body of your request.") from None

    def _write(self, status: int, reply: Any, headers: dict[str, str] | None = None) -> None:
        content = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        try:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            self.close_connection = True  # who asked has gone

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def nearest(known: dict[str, str], asked: str) -> str:
    """The answer to the known question that shares the most words with `asked`; "" where none shares half of them."""
    words = set(re.findall(r"\w+", asked.lower()))
    shared = {question: len(words & set(re.findall(r"\w+", question.lower()))) for question in known}
    best = max(shared, key=lambda question: shared[question], default="")
    return known[best] if best and 2 * shared[best] >= len(set(re.findall(r"\w+", best.lower()))) else ""


def _form(kind: str, raw: bytes) -> tuple[dict[str, str], bytes]:
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + raw)
    fields: dict[str, str] = {}
    content = b""
    for part in message.iter_parts():
        name = str(part.get_param("name", header="content-disposition"))
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        filename = part.get_filename()
        if filename is not None:
            content = payload
        fields[name] = filename if filename is not None else payload.decode()
    return fields, content


def _wrong(line: Any) -> str:
    """What is wrong with one example; "" for nothing."""
    messages = line.get("messages") if isinstance(line, dict) else None
    if not isinstance(messages, list) or not messages:
        return "missing 'messages'"
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in ("system", "user", "assistant"):
            return "a message has no known role"
        if not isinstance(message.get("content"), str) or not message["content"]:
            return f"the {message['role']} message has no content"
    return "" if messages[-1]["role"] == "assistant" else "the last message must be from the assistant"


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _tokens(messages: Sequence[dict[str, str]]) -> int:
    return sum(3 + len(message["content"].split()) for message in messages)


def _csv(rows: Sequence[str]) -> bytes:
    return b64encode("".join(f"{row}\n" for row in ("step,train_loss", *rows)).encode())


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": EPOCH, "owned_by": "stub"}
