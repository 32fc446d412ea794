"""Where a server is and how it may be asked. The key stays in the environment: it is read when it is sent."""

import os
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from harness.errors import InputError

KEY_VARIABLE = "OPENAI_API_KEY"

Endpoint = Literal["chat", "completions"]  # a model is asked in turns, or to continue a text
ENDPOINTS: dict[Endpoint, str] = {"chat": "chat/completions", "completions": "completions"}


@dataclass(frozen=True)
class Server:
    """An OpenAI-compatible server: base `url` (usually ending in /v1), and how it is asked.

    `key_variable` names the environment variable that holds the key, `concurrency` is how many requests are under way
    at once, `timeout_seconds` how long one may keep silent, `retries` how often one that failed is sent again.
    """

    url: str
    key_variable: str = KEY_VARIABLE
    concurrency: int = 8
    timeout_seconds: float = 60.0
    retries: int = 6

    def __post_init__(self) -> None:
        """Raises InputError for a URL or a number that can't be used."""
        problem = _url_problem(self.url)
        if problem:
            raise InputError(f"the server {_without_user(self.url)!r} {problem}. Write it as http://localhost:8000/v1.")
        for name, least in (("concurrency", 1), ("timeout_seconds", 0.001), ("retries", 0)):
            if getattr(self, name) < least:
                raise InputError(f"the server's {name} is {getattr(self, name)}, and {least} is the least it can be.")
        object.__setattr__(self, "url", self.url.rstrip("/"))

    def key(self) -> str | None:
        """The key as the environment holds it now, None where it holds none; raises InputError for one of no use."""
        key = os.environ.get(self.key_variable, "").strip()
        if key and not (key.isascii() and key.isprintable() and " " not in key):
            raise InputError(
                f"{self.key_variable} holds characters that no key has, so it can't be sent. Set it to the key alone."
            )
        return key or None


def _url_problem(url: str) -> str:
    """What is wrong with the address, "" for nothing."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        return f"is no address ({error})"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "is no address of a server: it begins with http:// or https:// and a host"
    if parts.username is not None or parts.password is not None:
        return "holds a user or password, which would stand in the records. Put the key into the environment"
    if parts.path.rstrip("/").endswith("/completions"):
        return "holds the path of an endpoint, which is added to it. Leave /chat/completions or /completions out"
    if parts.query or parts.fragment:
        return "holds more than an address (? or #)"
    return ""


def _without_user(url: str) -> str:
    """The address as it may be shown: without what stands before an @."""
    scheme, slashes, rest = url.partition("//")
    return f"{scheme}{slashes}{rest.rpartition('@')[2]}"
