from collections.abc import Callable
from io import BytesIO

import pytest
from pypdf import PdfWriter

from harness.suite.documents.extracted import UnreadableError
from harness.suite.documents.pdf import read_pdf

MakePdf = Callable[..., bytes]


def encrypted(content: bytes, **how: str) -> bytes:
    writer, out = PdfWriter(clone_from=BytesIO(content)), BytesIO()
    writer.encrypt(**how, algorithm="RC4-128")
    writer.write(out)
    return out.getvalue()


def test_pages_in_order(make_pdf: MakePdf) -> None:
    """The text of all pages in their order, with the title, the date and the number of pages."""
    found = read_pdf(
        make_pdf(["One.", "Two.", "Three."], b"/Title (A name) /CreationDate (D:20240506101112Z)"), pages=3
    )
    assert found.text == "One.\n\nTwo.\n\nThree."
    assert (found.title, found.metadata) == ("A name", {"pages": "3", "date": "2024-05-06"})


@pytest.mark.parametrize("info", [b"", b"/CreationDate (yesterday)", b"/Title 3 /CreationDate [1]", b"/Title 99 0 R"])
def test_what_it_says_of_itself_may_be_broken(info: bytes, make_pdf: MakePdf) -> None:
    """A title or date that is missing or nonsense doesn't keep the text from being read."""
    found = read_pdf(make_pdf(["One."], info), pages=3)
    assert (found.text, found.metadata) == ("One.", {"pages": "1"})


def test_pages_without_text_are_counted(make_pdf: MakePdf) -> None:
    """Pages on which no text is found, such as scans, are counted in the metadata."""
    assert read_pdf(make_pdf(["One.", "", "Three.", ""]), pages=9).metadata == {"pages": "4", "pages_without_text": "2"}


def test_scans(make_pdf: MakePdf) -> None:
    """A PDF without any text is refused with the remedy."""
    with pytest.raises(UnreadableError, match=r"no text on its 2 pages.*text recognition"):
        read_pdf(make_pdf(["", ""]), pages=9)


def test_encrypted(make_pdf: MakePdf) -> None:
    """A PDF that only asks for a password to be changed is read, one that asks for it to be read is refused."""
    content = make_pdf(["Secret."])
    assert read_pdf(encrypted(content, user_password="", owner_password="x"), pages=1).text == "Secret."
    with pytest.raises(UnreadableError, match="is encrypted; save a copy without a password"):
        read_pdf(encrypted(content, user_password="x"), pages=1)


@pytest.mark.parametrize("content", [b"", b"%PDF-1.4", b"no pdf at all", b"%PDF-1.4\ntrailer << /Root 1 0 R >>\n%%EOF"])
def test_broken(content: bytes) -> None:
    """What is no PDF, or half of one, is refused as broken."""
    with pytest.raises(UnreadableError, match="is a broken PDF"):
        read_pdf(content, pages=9)


def test_too_many_pages(make_pdf: MakePdf) -> None:
    """A PDF of more pages than may be is refused as a whole, with both numbers."""
    with pytest.raises(UnreadableError, match="has 30 pages, more than the 29"):
        read_pdf(make_pdf(["One."] * 30), pages=29)


def test_pages_in_a_circle(make_pdf: MakePdf) -> None:
    """A list of pages that holds itself is refused or read once, not followed for ever."""
    content = make_pdf(["One."], kids=b"10 0 R 2 0 R")
    try:
        assert read_pdf(content, pages=9).text == "One."
    except UnreadableError as error:
        assert "is a broken PDF" in str(error)  # noqa: PT017
