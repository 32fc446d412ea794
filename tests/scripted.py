"""A local HTTP server that answers each request as a test says: by a function of the request."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Request:
    """One request as it came; `number` counts from 1."""

    number: int
    method: str
    path: str
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


class Answer(NamedTuple):
    """A reply; `cut` ends the connection in the midst of it."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = {}
    cut: bool = False


@dataclass
class Scripted:
    """The requests that came, and where to send more."""

    url: str
    requests: list[Request] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def scripted(answer: Callable[[Request], Any]) -> Iterator[Scripted]:
    """Serves what `answer` returns: an `Answer`, or a body with status 200."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def serve(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with state.lock:
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(len(state.requests) + 1, self.command, self.path, headers, content)
                state.requests.append(request)
                state.at_once += 1
                state.most_at_once = max(state.most_at_once, state.at_once)
            try:
                found = answer(request)
            finally:
                with state.lock:
                    state.at_once -= 1
            self.write(found if isinstance(found, Answer) else Answer(found))

        do_GET = do_POST = do_DELETE = serve  # noqa: N815

        def write(self, answer: Answer) -> None:
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            try:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body) + 100 * answer.cut))
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = answer.cut
            except OSError:
                self.close_connection = True  # who asked has gone

        def log_message(self, *parts: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state = Scripted(f"http://127.0.0.1:{server.server_address[1]}/v1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
