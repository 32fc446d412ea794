"""Plain text from bytes: by their byte order mark or as UTF-8, and never by a guess."""

import codecs

from harness.suite.documents.extracted import Extracted, UnreadableError

_MARKS = (  # UTF-32 before UTF-16, whose mark its own begins with
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(content: bytes) -> Extracted:
    """The text as it stands there; raises UnreadableError."""
    return Extracted(decoded(content))


def decoded(content: bytes, declared: str | None = None) -> str:
    """`content` as text whose lines end in a line feed; raises UnreadableError.

    A byte order mark says what the encoding is, or else the file itself does (`declared`), or else it is UTF-8. No
    other encoding is tried: nearly any bytes are text in Latin-1, so a wrong guess would not be noticed.
    """
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), declared or "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnreadableError(
            f"is not {encoding} text (line {line}: {error.reason}); save it as UTF-8, "
            "for instance by `iconv -f latin1 -t utf-8`"
        ) from None
    if "\0" in text:
        raise UnreadableError("holds NUL characters, so it is no text, or UTF-16 without its mark; save it as UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")
