"""Keeps a key out of whatever a server says, and makes what it says fit to be shown.

Of a reply only the key itself is taken, since the answer in it is scored: what looks like a secret to
`harness._secrets`, which depends on the environment, may be what was asked for. Of what is only shown, all of that.
"""

import os
from typing import Any

from harness._secrets import HIDDEN, scrub

LEAST_SECRET = 12  # characters; shorter ones, as EMPTY or none, are no secrets, and words that an answer may hold
_SHOWN_CHARACTERS = 300


def scrubbed(value: Any, key: str | None) -> Any:
    """Parsed JSON without the key in any of its texts, and with texts that can be written as UTF-8."""
    if isinstance(value, str):
        text = value.encode("utf-8", "replace").decode("utf-8")
        return text.replace(key, HIDDEN) if key and len(key) >= LEAST_SECRET else text
    if isinstance(value, dict):
        return {scrubbed(name, key): scrubbed(inner, key) for name, inner in value.items()}
    if isinstance(value, list):
        return [scrubbed(inner, key) for inner in value]
    return value


def shown(text: str, key: str | None) -> str:
    """What a server said, on one line, shortened, printable, and without the key or anything that looks like one."""
    told = " ".join(scrub(str(scrubbed(text, key)), {**os.environ, "KEY": key or ""}).split())
    plain = "".join(letter if letter.isprintable() else "?" for letter in told)
    return plain if len(plain) <= _SHOWN_CHARACTERS else f"{plain[:_SHOWN_CHARACTERS]}…"
