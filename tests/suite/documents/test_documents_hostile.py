from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.suite.documents import Limits, Skipped, read_documents
from harness.suite.documents.extracted import Extracted, UnreadableError
from harness.suite.documents.reader import Reader
from harness.suite.records import Document

MakePdf = Callable[..., bytes]
QUICK = Limits(seconds=1, memory_bytes=400_000_000)


def read(folder: Path, name: str, content: bytes, limits: Limits | None = None) -> tuple[Document | None, str]:
    """The document of one file, or the reason why there is none; the files before and after it must be read."""
    for other in ("a.txt", "z.txt"):
        (folder / other).write_text(f"The file {other}.")
    (folder / name).write_bytes(content)
    skipped: list[Skipped] = []
    found = {document.id: document for document in read_documents(folder, skipped, limits=limits)}
    assert {"a.txt", "z.txt"} <= set(found)
    assert set(found) | {one.path for one in skipped} == {"a.txt", name, "z.txt"}
    return found.get(name), "".join(one.reason for one in skipped)


@pytest.mark.parametrize("times", [1, 2])
def test_a_bomb_is_not_inflated(times: int, make_pdf_bomb: MakePdf, tmp_path: Path) -> None:
    """A PDF of some kilobytes that would be 100 MB is refused, and so is one that is compressed twice."""
    content = make_pdf_bomb(100_000_000, times=times)
    assert len(content) < 500_000
    document, reason = read(tmp_path, "b.pdf", content)
    assert document is None
    assert "is a broken PDF (Limit reached" in reason


def test_many_pages_of_one_bomb(make_pdf_bomb: MakePdf, tmp_path: Path) -> None:
    """A PDF of a few kilobytes that draws one large text on each of its pages is stopped after some seconds."""
    content = make_pdf_bomb(2_000_000, pages=9_000)
    assert len(content) < 100_000
    document, reason = read(tmp_path, "b.pdf", content, QUICK)
    assert document is None
    assert "takes more than 1 s of computing" in reason


def test_many_pages(make_pdf: MakePdf, tmp_path: Path) -> None:
    """A long PDF is read to its last page."""
    document, _ = read(tmp_path, "long.pdf", make_pdf([f"Page {number}." for number in range(3_000)]))
    assert document is not None
    assert document.text.endswith("Page 2999.")
    assert document.metadata["pages"] == "3000"


def test_want_of_memory(tmp_path: Path) -> None:
    """A file that needs more memory than it may have is told, and the next one is read."""
    document, reason = read(tmp_path, "b.html", b"<p>" + "é😀".encode() * 8_000_000, Limits(memory_bytes=300_000_000))
    assert document is None
    assert "memory" in reason


@pytest.mark.parametrize("name", ["b.md", "b.txt", "b.html"])
def test_a_long_line(name: str, tmp_path: Path) -> None:
    """A line of 5 MB is read, to its last word."""
    document, _ = read(tmp_path, name, b"word " * 1_000_000 + b"end")
    assert document is not None
    assert len(document.text) == 5_000_003


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("b.md", b'---\ntitle: "\\ud800"\n---\nText.'),
        ("b.md", b"[" * 5_000_000),
        ("b.md", b"".join(b"`" * (number % 50 + 1) + b" " for number in range(200_000))),
        ("b.md", b"![](" * 1_000_000),
        ("b.md", b"<!--" * 1_000_000),
        ("b.md", b"---\n" + b"a: &a {b: *a}\n---\nText."),
        (
            "b.md",
            b"---\na: &a0 {x: y}\n"
            + b"".join(b"b%d: &a%d {<<: [*a%d, *a%d]}\n" % (n, n, n - 1, n - 1) for n in range(1, 60))
            + b"---\nText.",
        ),
        (
            "b.md",
            b"---\na: &a0 [x]\n"
            + b"".join(b"b%d: &a%d [*a%d, *a%d]\n" % (n, n, n - 1, n - 1) for n in range(1, 60))
            + b"---\nText.",
        ),
        ("b.md", b"---\na: " + b"[" * 100_000 + b"\n---\nText."),
        ("b.html", b"<" * 5_000_000),
        ("b.html", b"<!--" * 1_000_000),
        ("b.html", b"<nav>" * 1_000_000),
        ("b.html", b"<p " * 1_000_000),
        ("b.html", b"&" * 5_000_000),
        ("b.pdf", b"%PDF-1.4\n" + b"1 0 obj\n" * 500_000),
        ("b.pdf", b"%PDF-1.4\n1 0 obj\n" + b"[" * 1_000_000),
    ],
)
def test_what_readers_choke_on(name: str, content: bytes, tmp_path: Path) -> None:
    """A file that is made to keep a reader busy is read or told within its limits, and the others are read."""
    document, reason = read(tmp_path, name, content, QUICK)
    assert (document is None) == bool(reason)


def test_too_large(tmp_path: Path) -> None:
    """A file, and the text in it, may be so large and no larger."""
    limits = Limits(file_bytes=100, characters=50)
    assert "larger than the 100 bytes" in read(tmp_path, "b.txt", b"x" * 101, limits)[1]
    assert "holds 100 characters, more than the 50" in read(tmp_path, "b.txt", b"x" * 100, limits)[1]
    assert read(tmp_path, "b.txt", b"x" * 50, limits)[0] is not None


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with Reader(QUICK) as reader:
        yield reader


@settings(max_examples=60, deadline=None)
@given(data=st.data(), format_=st.sampled_from(["markdown", "text", "html", "pdf"]))
def test_any_bytes(data: st.DataObject, format_: str, reader: Reader) -> None:
    """Whatever bytes a file holds, it is read or refused with a sentence, and its text can be written down."""
    pieces = st.sampled_from([b"<main>", b"</pre>", b"---\n", b"[a](b)", b"`", b"%PDF-1.4\n", b"1 0 obj", b"\xff\xfe"])
    content = b"".join(data.draw(st.lists(pieces | st.binary(max_size=40), max_size=30)))
    try:
        found = reader.read(format_, content)
    except UnreadableError as error:
        assert len(str(error)) > 10  # noqa: PT017
    else:
        assert isinstance(found, Extracted)
        found.text.encode()
        "".join([found.title, *found.metadata, *found.metadata.values()]).encode()


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_damaged_pdf(data: st.DataObject, reader: Reader, make_pdf: MakePdf) -> None:
    """A PDF in which some bytes were changed is read or refused."""
    content = bytearray(make_pdf(["One.", "Two."], b"/Title (A name)"))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=20)):
        content[place] = data.draw(st.integers(0, 255))
    try:
        reader.read("pdf", bytes(content)).text.encode()
    except UnreadableError as error:
        assert len(str(error)) > 10  # noqa: PT017
