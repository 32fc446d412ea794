"""Where a text may be cut, and how well: before a heading, a paragraph, a sentence or a word.

Every pattern here takes time that is linear in the text, whatever the text is. Knows nothing of tokens.
"""

import re

import numpy as np
from numpy.typing import NDArray

INSIDE, WORD, SENTENCE, PARAGRAPH, HEADING = range(5)

_SPACE = re.compile(r"\s+")
_FULL_STOP_WITHOUT_SPACE = re.compile("[。！？．]")  # noqa: RUF001 - the full stops of scripts that write no spaces
_MARKDOWN = re.compile(r"^#{1,6}[ \t]", re.MULTILINE)
_UNDERLINE = re.compile(r"^(?:=++|-++)[ \t]*+$", re.MULTILINE)
_NUMBERED = re.compile(r"^\d++(?:\.\d++)*+\.?[ \t]++\S[^\n]{0,80}$", re.MULTILINE)
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)
_BLANK_LINE = re.compile(r"\n[ \t\r]*+\n")
_ENDS = ".!?…"
_CLOSING = "\"'”’)]»*_"  # noqa: RUF001 - quotes may stand between a full stop and the space


def borders(text: str) -> NDArray[np.uint8]:
    """How good a cut before each character is, `(characters,) uint8`: INSIDE a word, or the kind of what begins there.

    Headings are Markdown's (`#`, or underlined) and numbered lines of their own (`2.1 Methods`); fenced code has none.
    """
    levels = np.zeros(len(text), dtype=np.uint8)
    code = _fenced(text)

    def mark(place: int, level: int) -> None:
        if place < len(text) and not (level == HEADING and code[place]):
            levels[place] = max(int(levels[place]), level)

    for space in _SPACE.finditer(text):
        mark(space.end(), _level(text, space.start(), space.group()))
    for stop in _FULL_STOP_WITHOUT_SPACE.finditer(text):
        mark(stop.end(), SENTENCE)
    for heading in _MARKDOWN.finditer(text):
        mark(heading.start(), HEADING)
    for underline in _UNDERLINE.finditer(text):
        line = text.rfind("\n", 0, max(0, underline.start() - 1)) + 1
        if text[line : underline.start()].strip() and _begins_paragraph(levels, line):
            mark(line, HEADING)
    for numbered in _NUMBERED.finditer(text):
        alone = numbered.end() == len(text) or _BLANK_LINE.match(text, numbered.end())
        if alone and _begins_paragraph(levels, numbered.start()):
            mark(numbered.start(), HEADING)
    return levels


def _fenced(text: str) -> NDArray[np.bool_]:
    """Which characters stand in fenced code, `(characters,) bool`; a fence that nothing closes goes on to the end."""
    code = np.zeros(len(text), dtype=np.bool_)
    opened: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opened is None:
            opened = fence
        elif fence.group().lstrip() == opened.group().lstrip():
            code[opened.start() : fence.end()] = True
            opened = None
    if opened is not None:
        code[opened.start() :] = True
    return code


def _level(text: str, end: int, space: str) -> int:
    """The kind of what begins after `space`, which begins at `end`."""
    if space.count("\n") > 1:
        return PARAGRAPH
    last = text[max(0, end - 4) : end].rstrip(_CLOSING)
    return SENTENCE if last and last[-1] in _ENDS else WORD


def _begins_paragraph(levels: NDArray[np.uint8], place: int) -> bool:
    return place == 0 or bool(levels[place] >= PARAGRAPH)
