"""Many texts in little room: each is kept once, the page points to it by number. Knows nothing of what they say."""

import json
import re
import zlib
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # can't be written as UTF-8


class Strings:
    """Texts by number; what is longer than `limit` characters is cut."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._places: dict[str, int] = {}

    def add(self, text: str) -> int:
        """The number of `text`, the same for the same text."""
        return self._places.setdefault(text, len(self._places))

    def listed(self) -> list[str | tuple[str, int]]:
        """The texts by number; of one that was cut its beginning and how many characters it had."""
        limit = self._limit
        return [text if len(text) <= limit else (text[:limit], len(text)) for text in self._places]


def pieces(text: str, known: Sequence[str]) -> list[str]:
    """`text` cut around each of `known` that it holds, in their order, and elsewhere after each line.

    Joined, the pieces are `text` again; prompts have most of them in common.
    """
    found, rest = [], text
    for part in known:
        before, match, after = rest.partition(part) if part else (rest, "", "")
        if match:
            found += [*before.splitlines(keepends=True), match]
            rest = after
    return [*found, *rest.splitlines(keepends=True)]


def packed(value: Any) -> str:
    """`value` as JSON, deflated (zlib, RFC 1950) and written in base64; the same value gives the same text."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    text = _LONE_SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    return b64encode(zlib.compress(text.encode("utf-8"), 9)).decode("ascii")
