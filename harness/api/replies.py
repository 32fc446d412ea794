"""Reads what came back: JSON of a bounded size, or what the server says is wrong. A server's words are untrusted."""

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

MOST_BYTES = 64 * 2**20
_OF_OBJECTS = {"id", "object", "choices"}  # a failed job, too, has a field `error`


class BadReplyError(Exception):
    """A reply that isn't what was promised: cut, too large, or no JSON. Never leaves this package."""


def body(response: "httpx.Response") -> bytes:
    """The bytes of a streamed reply, unpacked; raises BadReplyError for more than `MOST_BYTES`."""
    parts, size = [], 0
    for part in response.iter_bytes():
        size += len(part)
        if size > MOST_BYTES:
            raise BadReplyError(f"its reply is larger than {MOST_BYTES:,} bytes")
        parts.append(part)
    return b"".join(parts)


def parsed(content: bytes) -> dict[str, Any]:
    """The JSON object that `content` is; raises BadReplyError."""
    try:
        value = json.loads(content, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise BadReplyError("its reply is no JSON") from None
    if not isinstance(value, dict):
        raise BadReplyError("its reply is JSON, but no object")
    return value


def replied(content: bytes) -> dict[str, Any]:
    """What a server replied; raises BadReplyError, also for an error that calls itself a success, as of gateways."""
    value = parsed(content)
    if value.get("error") and not value.keys() & _OF_OBJECTS:
        raise BadReplyError(f"its reply is an error: {told(content)[0]}")
    return value


def told(content: bytes) -> tuple[str, str]:
    """What a refusal says and its code ("" for none): of OpenAI's form, FastAPI's, or any text."""
    try:
        value = parsed(content)
    except BadReplyError:
        return content.decode("utf-8", "replace"), ""
    error = value.get("error", value)
    if not isinstance(error, dict):
        return str(error), ""
    message = error.get("message") or error.get("detail") or error
    code = error.get("code")
    return message if isinstance(message, str) else json.dumps(message), code if isinstance(code, str) else ""


def _no_number(name: str) -> None:
    raise ValueError(name)
