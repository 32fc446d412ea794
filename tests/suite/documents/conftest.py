import zlib
from collections.abc import Callable, Sequence

import pytest

MakePdf = Callable[..., bytes]


def pdf_file(objects: dict[int, bytes], trailer: bytes = b"") -> bytes:
    """A PDF of the given objects by number, of which 1 is the catalogue."""
    content, places = b"%PDF-1.4\n", []
    for number, body in objects.items():
        places.append((number, len(content)))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%d 1\n%010d 00000 n \n" % place for place in places)
    return (
        content
        + b"xref\n0 1\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF"
        % (
            table,
            max(objects) + 1,
            trailer,
            len(content),
        )
    )


def stream(content: bytes, extra: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), extra, content)


@pytest.fixture(scope="session")
def make_pdf() -> MakePdf:
    """Makes a PDF of one line of text a page; `info` is what it says of itself, `kids` replaces its list of pages."""

    def make(pages: Sequence[str], info: bytes = b"", kids: bytes | None = None) -> bytes:
        numbers = range(10, 10 + 2 * len(pages), 2)
        children = kids if kids is not None else b" ".join(b"%d 0 R" % number for number in numbers)
        objects = {
            1: b"<< /Type /Catalog /Pages 2 0 R >>",
            2: b"<< /Type /Pages /Kids [%s] /Count %d >>" % (children, len(pages)),
            3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            4: b"<< %s >>" % info,
        }
        for number, text in zip(numbers, pages, strict=True):
            written = b"BT /F1 12 Tf 72 720 Td (%s) Tj ET" % text.encode("latin-1") if text else b""
            objects[number] = (
                b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> "
                b"/Contents %d 0 R >>" % (number + 1)
            )
            objects[number + 1] = stream(written)
        return pdf_file(objects, b"/Info 4 0 R")

    return make


@pytest.fixture(scope="session")
def make_pdf_bomb() -> MakePdf:
    """Makes a PDF of many pages that all draw one text of `size` bytes, compressed `times` times over."""

    def make(size: int, pages: int = 1, times: int = 1) -> bytes:
        content = b"BT /F1 12 Tf " + b"(aaaaaaaaaaaaaaaa) Tj " * (size // 22) + b"ET"
        for _ in range(times):
            content = zlib.compress(content, 9)
        page = b"<< /Type /Page /Parent 2 0 R /Resources << /Font << /F1 3 0 R >> >> /Contents 4 0 R >>"
        return pdf_file(
            {
                1: b"<< /Type /Catalog /Pages 2 0 R >>",
                2: b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b"5 0 R " * pages, pages),
                3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
                4: stream(content, b"/Filter [%s]" % (b"/FlateDecode " * times)),
                5: page,
            }
        )

    return make
