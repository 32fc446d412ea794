"""Puts the words of a page together as blocks of Markdown. Knows nothing of what a page is read from."""

import re
from collections import Counter

_HEADINGS = {f"h{level}": f"{'#' * level} " for level in range(1, 7)}
_TIGHT = {"li", "dt", "dd", "tr"}  # blocks that follow one another without a blank line
_BLOCKS = {
    *_HEADINGS,
    *_TIGHT,
    *"address article aside blockquote body caption center details dialog div dl fieldset figcaption figure".split(),
    *"footer form header hr legend main nav ol p pre section summary table tbody tfoot thead title ul".split(),
}
_IN_TABLES = set("caption pre table tbody tfoot thead tr".split())
_SPACES = re.compile(r"[ \t\n\f\r\xa0]+")
_RUNS = re.compile(" +")
_AROUND_BREAKS = re.compile(r" *\n *")
_Block = tuple[str, str, frozenset[str]]  # kind, text, and which of main and article it is in


class Blocks:
    """Takes opening and closing tags and the words between them, in the order of the page."""

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._words: list[str] = []
        self._kind = ""
        self._lists = 0  # that the next words are in
        self._open = Counter[str]()
        self._articles = 0

    @property
    def begins_heading(self) -> bool:
        """Whether the next words are the first ones of a heading."""
        return self._kind in _HEADINGS and not self._has_words

    @property
    def in_main(self) -> bool:
        """Whether the next words belong to the main part, or to an article."""
        return bool(self._open["main"] or self._open["article"])

    def open(self, tag: str) -> None:
        """An element begins."""
        if tag in ("br", "td", "th"):
            self._words.append("\n" if tag == "br" else " | " if self._has_words else "")
        elif self._breaks(tag) and not (self._kind in _TIGHT and tag in ("p", "div") and not self._has_words):
            self._flush()
            self._kind = tag
            if tag in ("main", "article"):
                self._articles += tag == "article" and not self._open[tag]
                self._open[tag] += 1
            elif tag in ("ol", "ul"):
                self._lists += 1

    def close(self, tag: str) -> None:
        """An element ends."""
        if self._breaks(tag) or tag == self._kind:
            self._flush()
            if tag in ("main", "article"):
                self._open[tag] = max(0, self._open[tag] - 1)
            elif tag in ("ol", "ul"):
                self._lists = max(0, self._lists - 1)

    def add(self, words: str) -> None:
        """Some of the page's text."""
        self._words.append(words if self._kind == "pre" else _SPACES.sub(" ", words))

    def text(self) -> str:
        """The main part as Markdown; the only article where no main part is marked, or else the whole page."""
        pieces: list[str] = []
        before = ""
        for kind, text, _ in self._main_part():
            pieces += ["\n" if kind == before and kind in _TIGHT else "\n\n", text]
            before = kind
        return "".join(pieces[1:])

    def title(self) -> str:
        """The main part's first heading of level 1, or else what the page calls itself; blank if neither is there."""
        headings = [text.removeprefix("# ") for kind, text, _ in self._main_part() if kind == "h1"]
        named = [text for kind, text, _ in self._blocks if kind == "title"]
        return [*headings, *named, ""][0]

    @property
    def _has_words(self) -> bool:
        return any(word.strip() for word in self._words)

    def _breaks(self, tag: str) -> bool:
        """Whether such an element's begin or end ends a block; not in code, and a cell's paragraphs stay in its row."""
        return tag in _BLOCKS and self._kind != "pre" and (self._kind != "tr" or tag in _IN_TABLES)

    def _main_part(self) -> list[_Block]:
        self._flush()
        body = [block for block in self._blocks if block[0] != "title"]
        main = [block for block in body if "main" in block[2]]
        article = [block for block in body if "article" in block[2]] if self._articles == 1 else []
        return main or article or body

    def _flush(self) -> None:
        words, kind = "".join(self._words), self._kind
        self._words, self._kind = [], ""
        if kind == "pre":
            fence = "~~~~" if "```" in words else "```"
            text = f"{fence}\n{words.strip(chr(10))}\n{fence}" if words.strip() else ""
        else:
            text = _AROUND_BREAKS.sub("\n", _RUNS.sub(" ", words)).strip()
            if kind in _HEADINGS:
                text = text and _HEADINGS[kind] + text.replace("\n", " ")
            elif kind == "li":
                text = text and f"{'  ' * (self._lists - 1)}- {text}"
        if text:
            self._blocks.append((kind, text, frozenset(name for name in ("main", "article") if self._open[name])))
