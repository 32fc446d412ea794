"""Text from a PDF, page by page, by pypdf. Knows nothing of layout: no columns, tables or headings are found."""

import unicodedata
from contextlib import suppress
from io import BytesIO

from harness.suite.documents.extracted import Extracted, UnreadableError

PAGE_BREAK = "\n\n"
MOST_UNREADABLE = 0.05
_UNREADABLE = {"Cc", "Co", "Cs"}  # control characters, private use, halves of surrogate pairs


def read_pdf(content: bytes, *, pages: int) -> Extracted:
    """The text of all pages in their order, with title, date and number of pages; raises UnreadableError.

    Every page is read or the file is refused; pages without any text, such as scans, are counted in the metadata.
    """
    from pypdf import PdfReader, apply_configuration
    from pypdf.errors import DependencyError, PyPdfError

    with apply_configuration(jbig2dec_binary=None):  # no other program is run, not even for images
        try:
            reader = PdfReader(BytesIO(content))
            if reader.is_encrypted and not reader.decrypt(""):
                raise UnreadableError("is encrypted; save a copy without a password")
            number = len(reader.pages)
            if number > pages:
                raise UnreadableError(f"has {number} pages, more than the {pages} that one may have; split it")
            texts = [page.extract_text().strip() for page in reader.pages]
            stated = reader.metadata
        except DependencyError:
            raise UnreadableError("is encrypted with AES; save a copy without a password") from None
        except PyPdfError as error:
            raise UnreadableError(f"is a broken PDF ({error}); save it anew with the program that made it") from None
        metadata = {"pages": str(number)}
        title = ""
        with suppress(PyPdfError, ValueError, TypeError, AttributeError):  # what it says of itself may be broken too
            title = str(stated.title or "") if stated else ""
            created = stated.creation_date if stated else None
            if created:
                metadata["date"] = created.date().isoformat()
    blank = texts.count("")
    if blank == number:
        raise UnreadableError(f"has no text on its {number} pages, as scans don't; put it through text recognition")
    if blank:
        metadata["pages_without_text"] = str(blank)
    return Extracted(_legible(PAGE_BREAK.join(text for text in texts if text)), _legible(title), metadata)


def _legible(text: str) -> str:
    """`text` with U+FFFD for what is no letter; raises UnreadableError where that is much of it."""
    legible = "".join(c if c in "\n\t" or unicodedata.category(c) not in _UNREADABLE else "\ufffd" for c in text)
    if legible.count("\ufffd") > MOST_UNREADABLE * len(legible):
        raise UnreadableError("has fonts that don't say which letters they draw; put it through text recognition")
    return legible
