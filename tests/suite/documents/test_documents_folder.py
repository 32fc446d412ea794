import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.suite.documents import Limits, Skipped, read_documents

MakePdf = Callable[..., bytes]


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def reasons(folder: Path, limits: Limits | None = None) -> dict[str, str]:
    """What is skipped, with the reasons, beside the one document `kept.txt`."""
    skipped: list[Skipped] = []
    write(folder, {"kept.txt": "Kept."})
    assert [document.id for document in read_documents(folder, skipped, limits=limits)] == ["kept.txt"]
    return {one.path: one.reason for one in skipped}


def test_a_folder(tmp_path: Path, make_pdf: MakePdf) -> None:
    """Every file becomes a document by its path, with its title, its metadata and the folder as its topic."""
    write(
        tmp_path,
        {
            "b.md": "---\nauthor: Moss\ndate: 2024-05-06\n---\n# The Swan\n\nIt carries salt.",
            "a/Überblick 2.TXT": "Plain.",
            "a/deep/page.html": "<title>A page</title><p>Words.",
            "a/deep/stated.md": "---\ntopic: trade\n---\nMore.",
            "paper.pdf": make_pdf(["One.", "Two."]),
        },
    )
    skipped: list[Skipped] = []
    found = list(read_documents(tmp_path, skipped))
    assert skipped == []
    assert [(d.id, d.title, d.text) for d in found] == [
        ("a/deep/page.html", "A page", "Words."),
        ("a/deep/stated.md", "stated", "More."),
        ("a/Überblick 2.TXT", "Überblick 2", "Plain."),
        ("b.md", "The Swan", "# The Swan\n\nIt carries salt."),
        ("paper.pdf", "paper", "One.\n\nTwo."),
    ]
    assert [d.metadata for d in found] == [
        {"topic": "a", "format": "html"},
        {"topic": "trade", "format": "markdown"},
        {"topic": "a", "format": "text"},
        {"author": "Moss", "date": "2024-05-06", "format": "markdown"},
        {"pages": "2", "format": "pdf"},
    ]


def test_every_file_is_read_or_told(tmp_path: Path) -> None:
    """Each file that is left out is told by its path with a reason of its own."""
    write(
        tmp_path,
        {
            "empty.txt": "",
            "blank.md": "---\ntitle: T\n---\n \n",
            "latin.txt": b"caf\xe9.",
            "nul.txt": b"a\0b",
            "picture.png": b"\x89PNG",
            "NOTES": "no suffix",
            "zz.txt": "Kept.",
            ".git/config": "x",
            ".env": "SECRET=1",
            "fake.pdf": "Not one.",
        },
    )
    told = reasons(tmp_path)
    assert told.pop("zz.txt") == "has the same text as kept.txt, which is kept"
    assert {path: " ".join(reason.split()[:3]) for path, reason in told.items()} == {
        "empty.txt": "holds no text",
        "blank.md": "holds no text",
        "latin.txt": "is not utf-8",
        "nul.txt": "holds NUL characters,",
        "picture.png": "is neither Markdown",
        "NOTES": "is neither Markdown",
        ".git": "is hidden; give",
        ".env": "is hidden; give",
        "fake.pdf": "is a broken",
    }


def test_links_are_not_followed(tmp_path: Path) -> None:
    """A symbolic link is told and not followed, be it out of the folder, into it, in a circle or to nowhere."""
    outside = write(tmp_path / "outside", {"secret.txt": "Secret."})
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, target in {
        "out.txt": outside / "secret.txt",
        "in.txt": folder / "kept.txt",
        "parent": tmp_path,
        "circle": folder / "circle",
        "nowhere.txt": folder / "nothing",
        "device.txt": Path("/dev/zero"),
    }.items():
        (folder / name).symlink_to(target)
    told = reasons(folder)
    assert set(told) == {"out.txt", "in.txt", "parent", "circle", "nowhere.txt", "device.txt"}
    assert all("symbolic link" in reason for reason in told.values())


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    """The folder that the user names is read even where its name is a link."""
    (tmp_path / "link").symlink_to(write(tmp_path / "folder", {"a.txt": "Text."}))
    assert [document.id for document in read_documents(tmp_path / "link", [])] == ["a.txt"]


def test_what_is_no_plain_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe and a socket are told, and nobody waits for what they might say."""
    os.mkfifo(tmp_path / "pipe.txt")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.md")
        told = reasons(tmp_path)
    assert set(told) == {"pipe.txt", "socket.md"}
    assert all("is no plain file" in reason for reason in told.values())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_without_permission(tmp_path: Path) -> None:
    """A file and a folder that may not be read are told."""
    write(tmp_path, {"closed.txt": "Text.", "shut/a.txt": "Text."})
    (tmp_path / "closed.txt").chmod(0)
    (tmp_path / "shut").chmod(0)
    told = reasons(tmp_path)
    (tmp_path / "shut").chmod(0o700)
    assert all("can't be opened (Permission denied)" in told[name] for name in ("closed.txt", "shut"))


@pytest.mark.parametrize("name", [b"\xff\xfe.txt", b"line\nbreak.txt", b"escape\x1b[31m.txt"])
def test_names_that_are_no_text(name: bytes, tmp_path: Path) -> None:
    """A file whose name isn't printable text is told, in characters that can be printed."""
    with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
        file.write(b"Text.")
    ((path, reason),) = reasons(tmp_path).items()
    assert path.isprintable()
    assert "rename it" in reason


def test_folders_in_folders(tmp_path: Path) -> None:
    """Hundreds of folders in one another are walked through."""
    deep = tmp_path.joinpath(*["d"] * 400)
    deep.mkdir(parents=True)
    (deep / "a.txt").write_text("Deep.")
    assert [document.text for document in read_documents(tmp_path, [])] == ["Deep."]


@pytest.mark.parametrize("name", ["missing", "file.txt", "a\0b"])
def test_no_folder(name: str, tmp_path: Path) -> None:
    """What is no folder is told by its path."""
    write(tmp_path, {"file.txt": "Text."})
    with pytest.raises(InputError, match="is not a folder"):
        list(read_documents(tmp_path / name, []))


def test_nothing_to_read(tmp_path: Path) -> None:
    """A folder in which nothing can be read is an error that names what was skipped, and counts the rest."""
    write(tmp_path, {f"{number}.png": "x" for number in range(9)})
    with pytest.raises(InputError, match=r"holds no document(.|\n)*0\.png: is neither(.|\n)*… and 4 more"):
        list(read_documents(tmp_path, []))


def test_without_pypdf(tmp_path: Path, make_pdf: MakePdf, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PDF where pypdf isn't installed is an error with the command that installs it."""
    monkeypatch.setitem(sys.modules, "pypdf", None)  # as if it weren't there
    write(tmp_path, {"a.txt": "Text.", "b.pdf": make_pdf(["One."])})
    with pytest.raises(InputError, match=r'b\.pdf: is a PDF.*pip install "harness\[documents\]"'):
        list(read_documents(tmp_path, []))


def test_the_same_every_time(tmp_path: Path) -> None:
    """The order of the documents doesn't depend on the order in which the files were written."""
    for number in (3, 1, 2):
        write(tmp_path, {f"{number}/a.txt": f"Text {number}."})
    assert [document.id for document in read_documents(tmp_path, [])] == ["1/a.txt", "2/a.txt", "3/a.txt"]


def test_modules_beside_the_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that lies among the documents is run, not even where they are the current folder."""
    write(tmp_path, {f"{name}.py": "open('was_run', 'w')" for name in ("json", "signal", "pypdf", "sitecustomize")})
    monkeypatch.chdir(tmp_path)
    reasons(tmp_path)
    assert not (tmp_path / "was_run").exists()
