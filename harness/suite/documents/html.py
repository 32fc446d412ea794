"""Text from an HTML page as Markdown: headings, lists, tables and code; what the page marks as beside the point goes.

Where the page says which part is its main one (`main`, or its only `article`), that alone is read. Nothing is guessed
from lengths or class names: what isn't navigation, script or a form's control is kept, every word of it.
"""

import re
from collections.abc import Collection
from contextlib import suppress
from datetime import date
from html.parser import HTMLParser

from harness.suite.documents.extracted import Extracted, UnreadableError
from harness.suite.documents.html_blocks import Blocks
from harness.suite.documents.text import decoded

_DROPPED = set("script style noscript template svg canvas iframe object nav select button textarea".split())
_DROPPED_ROLES = set("navigation search menu menubar".split())
_FRAME = set("header footer aside banner contentinfo complementary".split())  # tags and roles, around the main part
_VOID = set("area base br col embed hr img input link meta source track wbr".split())
_DATES = ("article:published_time", "date", "dcterms.date", "dc.date")
_PERMALINKS = {"¶", "§", "#", "🔗"}
_DECLARED = re.compile(rb"<(?:meta[^>]{0,200}?charset|\?xml[^>]{0,200}?encoding)\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.I)
_MEANT = {  # as browsers have it
    **dict.fromkeys(("iso-8859-1", "latin1", "ascii", "us-ascii"), "cp1252"),
    **dict.fromkeys(("utf-16", "utf-16le", "utf-16be"), "utf-8"),
}
Attributes = list[tuple[str, str | None]]


def read_html(content: bytes) -> Extracted:
    """The text of the page's main part, its title and its date if it states one; raises UnreadableError."""
    declared = _DECLARED.search(content[:2000])
    name = declared[1].decode("ascii").lower() if declared else "utf-8"
    try:
        text = decoded(content, _MEANT.get(name, name))
    except LookupError:
        raise UnreadableError(f"says that its encoding is {name!r}, which is none; save it as UTF-8") from None
    page = _Page(keeping=())
    while page.read(text):  # a dropped element that never ends would take the rest of the page along
        page = _Page(keeping={*page.keeping, page.dropping})
    blocks = page.blocks
    return Extracted(blocks.text(), blocks.title(), {"date": page.date} if page.date else {})


class _Page(HTMLParser):
    """Hands the words of a page to `blocks`, all but those of dropped elements."""

    def __init__(self, keeping: Collection[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.keeping = keeping
        self.blocks = Blocks()
        self.date = ""
        self.dropping = ""
        self._depth = 0  # of elements of the dropped one's name, in it
        self._main = ""  # the tag of an element that has the role of the main part
        self._main_depth = 0
        self._in_link = False

    def read(self, text: str) -> bool:
        """Reads the whole page; whether an element that is dropped never ended."""
        self.feed(text)
        self.close()
        return bool(self.dropping)

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        values = {key: value or "" for key, value in attrs}
        role = values.get("role", "").lower()
        if self.dropping:
            self._depth += tag == self.dropping
        elif tag not in _VOID and tag not in self.keeping and self._is_dropped(tag, role, values):
            self.dropping, self._depth = tag, 1
        elif tag == "meta":
            self._note_date(values)
        else:
            self._in_link = self._in_link or tag == "a"
            self._main_depth += tag == self._main
            if role == "main" and not self._main:
                self._main, self._main_depth = tag, 1
            self.blocks.open("main" if role == "main" else tag)

    def handle_endtag(self, tag: str) -> None:
        if self.dropping:
            self._depth -= tag == self.dropping
            self.dropping = self.dropping if self._depth else ""
        else:
            self._in_link = self._in_link and tag != "a"
            self._main_depth -= tag == self._main
            ends_main = bool(self._main) and not self._main_depth
            self._main = "" if ends_main else self._main
            self.blocks.close("main" if ends_main else tag)

    def handle_data(self, data: str) -> None:
        if not self.dropping and not (self._in_link and data.strip() in _PERMALINKS):
            self.blocks.add(data)

    def _is_dropped(self, tag: str, role: str, values: dict[str, str]) -> bool:
        if tag == "button" and self.blocks.begins_heading:  # of a question that opens its answer
            return False
        if not self.blocks.in_main and (tag in _FRAME or role in _FRAME):
            return True
        return tag in _DROPPED or role in _DROPPED_ROLES or values.get("aria-hidden") == "true"

    def _note_date(self, values: dict[str, str]) -> None:
        if not self.date and (values.get("name") or values.get("property", "")).lower() in _DATES:
            with suppress(ValueError):
                self.date = date.fromisoformat(values.get("content", "")[:10]).isoformat()
