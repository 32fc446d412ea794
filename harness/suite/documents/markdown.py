"""Markdown from a file: front matter becomes metadata and a link its text; all else stays as it is written."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from io import StringIO
from typing import Any

import yaml

from harness.suite.documents.extracted import Extracted, UnreadableError
from harness.suite.documents.text import decoded

MOST_METADATA = 10_000
_FRONT = {
    "---": re.compile(r"---[ \t]*\n(?P<content>.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S | re.M),
    "+++": re.compile(r"\+\+\+[ \t]*\n(?P<content>.*?)^\+\+\+[ \t]*(?:\n|\Z)", re.S | re.M),
}
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(?P<text>[^\n]*)", re.M)
_UNDERLINED = re.compile(r"^ {0,3}(?P<text>\S[^\n]*)\n(?:={3,}|-{3,})[ \t]*$", re.M)
_CLOSING = re.compile(r"(?:^|\s+)#+$")
_BLANK = re.compile(r"(\n[ \t]*\n)")
_DEFINITION = re.compile(r"^ {0,3}\[(?!\^)(?P<name>[^\]\n]+)\]:[ \t]+\S+[^\n]*\n?", re.M)
_COMMENT = re.compile(r"<!--.*?-->[ \t]*\n?", re.S)
_CODE = r"(?P<code>(?<!`)(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`))"
_LABEL = r"!?\[(?P<label>(?:[^\[\]`]|`[^`]*`|!?\[[^\[\]]*\](?:\([^\s()]*\))?)*)\]"
_TARGET = r"""\(\s*(?:<[^<>\n]*>|[^\s()]*(?:\([^\s()]*\)[^\s()]*)*)(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)"""
_LINK = re.compile(rf"{_CODE}|{_LABEL}(?:(?P<target>{_TARGET})|\[(?P<name>[^\[\]]*)\])?", re.S)


def read_markdown(content: bytes) -> Extracted:
    """The text without front matter, comments and link targets, its title (stated, or the first heading) and metadata.

    What looks like front matter but is no mapping stays text. Raises UnreadableError.
    """
    stated, text = _front_matter(decoded(content))
    names = {_named(match["name"]) for part, code in _parts(text) if not code for match in _DEFINITION.finditer(part)}
    plain = "".join(part if code else _without_links(part, names) for part, code in _parts(text)).strip("\n")
    metadata = _metadata(stated)
    return Extracted(plain, metadata.pop("title", "") or _first_heading(plain), metadata)


def _front_matter(text: str) -> tuple[Mapping[Any, Any], str]:
    """What stands between the first line, `---` (YAML) or `+++` (TOML), and the next such line; and the text after."""
    pattern = _FRONT.get(text[:3])
    match = pattern.match(text) if pattern else None
    if not match:
        return {}, text
    try:
        stated = tomllib.loads(match["content"]) if text[0] == "+" else yaml.safe_load(match["content"])
    except (yaml.YAMLError, ValueError):
        return {}, text
    return (stated, text[match.end() :]) if isinstance(stated, dict) else ({}, text)


def _metadata(stated: Mapping[Any, Any]) -> dict[str, str]:
    """Front matter as plain texts by lower-case keys; a `date` that has no such form is kept as `date_as_written`."""
    metadata = {str(key).strip().lower(): _plain(value) for key, value in stated.items() if value is not None}
    written = metadata.pop("date", None)
    if written:
        try:
            metadata["date"] = date.fromisoformat(written[:10]).isoformat()
        except ValueError:
            metadata["date_as_written"] = written
    if sum(map(len, metadata.values())) > MOST_METADATA:
        raise UnreadableError(
            f"has more than {MOST_METADATA:,} characters of front matter, which each of its passages would carry; "
            "shorten it"
        )
    return metadata


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list) and not any(isinstance(item, list | dict) for item in value):
        return ", ".join(_plain(item) for item in value)
    return json.dumps(value, ensure_ascii=False, default=str)


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """The text in pieces, and whether each is a block of code."""
    piece: list[str] = []
    fence = ""
    for line in StringIO(text):
        match = _FENCE.match(line)
        if not fence and match:
            yield "".join(piece), False
            piece, fence = [line], match[1]
        elif fence and match and match[1].startswith(fence) and not line[match.end() :].strip():
            yield "".join([*piece, line]), True
            piece, fence = [], ""
        else:
            piece.append(line)
    yield "".join(piece), bool(fence)


def _without_links(text: str, names: set[str]) -> str:
    text = _COMMENT.sub("", _DEFINITION.sub("", text))
    return "".join(_labels(paragraph, names) for paragraph in _BLANK.split(text))


def _labels(text: str, names: set[str]) -> str:
    """`text` with the labels of links and images in their place; `names` are the link targets defined elsewhere."""

    def label(match: re.Match[str]) -> str:
        if match["code"]:
            return match[0]
        inner = _labels(match["label"], names)
        if match["target"] or _named(match["name"] or match["label"]) in names:
            return inner
        start, end = (place - match.start() for place in match.span("label"))
        return match[0][:start] + inner + match[0][end:]

    return _LINK.sub(label, text)


def _named(name: str) -> str:
    return " ".join(name.split()).casefold()


def _first_heading(text: str) -> str:
    for part, code in _parts(text):
        if not code:
            found = [match for match in (_HEADING.search(part), _UNDERLINED.search(part)) if match]
            if found:
                return _CLOSING.sub("", min(found, key=lambda match: match.start())["text"].strip())
    return ""
