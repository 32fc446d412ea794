import codecs

import pytest

from harness.suite.documents.extracted import UnreadableError
from harness.suite.documents.text import read_text

TEXT = "Größe: 5 µm\nnaïve café\n"


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-32-le", codecs.BOM_UTF32_LE),
    ],
)
def test_encodings_that_say_what_they_are(encoding: str, mark: bytes) -> None:
    """UTF-8 and whatever begins with a byte order mark is read, without the mark."""
    assert read_text(mark + TEXT.encode(encoding)).text == TEXT


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "shift_jis"])
def test_other_encodings_are_refused(encoding: str) -> None:
    """Bytes in another encoding are refused with their line and the remedy, and never guessed at."""
    with pytest.raises(UnreadableError, match=r"is not utf-8 text \(line 2: .*iconv"):
        read_text(b"plain\n" + "café µ".encode(encoding, errors="ignore") + "テ".encode(encoding, errors="ignore"))


@pytest.mark.parametrize("content", [b"a\0b", "no mark".encode("utf-16-le")])
def test_nul_characters(content: bytes) -> None:
    """A NUL character is told: such a file is binary, or UTF-16 that doesn't say so."""
    with pytest.raises(UnreadableError, match="holds NUL characters"):
        read_text(content)


def test_line_ends() -> None:
    """Lines end in a line feed, whichever system they were written on."""
    assert read_text(b"a\r\nb\rc\n").text == "a\nb\nc\n"


def test_half_a_character() -> None:
    """A file that was cut off within a character is refused."""
    with pytest.raises(UnreadableError, match="unexpected end of data"):
        read_text("café".encode()[:-1])
