import pytest

from harness.suite.documents.extracted import UnreadableError
from harness.suite.documents.markdown import read_markdown


def text_of(written: str) -> str:
    return read_markdown(written.encode()).text


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("see [the *docs*](http://a.b/c_(d) 'Title') now", "see the *docs* now"),
        ("see [the\ndocs](<http://a b>)", "see the\ndocs"),
        ("![a picture](x.png)", "a picture"),
        ("[`<[[T; 2]]>`](x) and [a ` b](y)", "`<[[T; 2]]>` and [a ` b](y)"),
        ("[![build](b.svg)](http://ci)", "build"),
        ("[docs][1] and [docs] and [Docs][]\n\n[1]: http://a\n[docs]: http://b 'T'\n", "docs and docs and Docs"),
        ("a[0][1] and [x] and [^1]", "a[0][1] and [x] and [^1]"),
        ("[note: [docs](http://a) there]", "[note: docs there]"),
        ("`[a](b)` and ``x`[a](b)``", "`[a](b)` and ``x`[a](b)``"),
        ("```\n[a](b)\n[1]: http://a\n<!-- c -->\n```", "```\n[a](b)\n[1]: http://a\n<!-- c -->\n```"),
        ("~~~~\n~~~\n[a](b)\n~~~~\n[a](b)", "~~~~\n~~~\n[a](b)\n~~~~\na"),
        ("one\n<!-- a\ncomment -->\ntwo", "one\ntwo"),
        ("one `\n\ntwo` [a](b)", "one `\n\ntwo` a"),
    ],
)
def test_links(written: str, text: str) -> None:
    """A link or image leaves its words, whatever its form; code and what only looks like a link stay as they are."""
    assert text_of(written) == text


def test_headings_lists_and_tables_stay() -> None:
    """What gives a text its form is kept to the letter."""
    written = "# One\n\n- a\n  - b\n\n## Two ##\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n**bold** _it_"
    assert text_of(written) == written


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("---\ntitle: Stated\n---\n# Head", "Stated"),
        ("```\n# a comment\n```\n\n# Head #\n## Two", "Head"),
        ("Head\n====\n\ntext\n\n# Later", "Head"),
        ("text only\n\n---\n", ""),
        ("#no heading", ""),
    ],
)
def test_title(written: str, title: str) -> None:
    """The title is the stated one, or else the first heading, in either of its two forms."""
    assert read_markdown(written.encode()).title == title


def test_front_matter() -> None:
    """Front matter becomes metadata in plain texts, and its date an ISO date, and is no part of the text."""
    written = """---
title: A title
date: 2024-05-06 10:00:00
Tags: [a, b]
draft: false
weight: 3
empty:
nested: {a: [1, {b: ü}]}
---
Text.
"""
    found = read_markdown(written.encode())
    assert (found.title, found.text) == ("A title", "Text.")
    assert found.metadata == {
        "date": "2024-05-06",
        "tags": "a, b",
        "draft": "false",
        "weight": "3",
        "nested": '{"a": [1, {"b": "ü"}]}',
    }


def test_toml_front_matter() -> None:
    """Front matter between `+++` is TOML."""
    found = read_markdown(b'+++\ntitle = "T"\ndate = 2024-05-06T10:00:00Z\n+++\nText.\n')
    assert (found.title, found.text, found.metadata) == ("T", "Text.", {"date": "2024-05-06"})


def test_date_in_words() -> None:
    """A date that can't be put in order is kept, under another name."""
    assert read_markdown(b"---\ndate: May 2024\n---\nText.").metadata == {"date_as_written": "May 2024"}


@pytest.mark.parametrize(
    "written",
    [
        "---\n\nA rule, and text: more: of it.\n\n---\nEnd.",
        "---\njust text\n---\nEnd.",
        "--- \nnever ends: [",
        "+++\na=\n+++",
    ],
)
def test_what_only_looks_like_front_matter(written: str) -> None:
    """Text between two rules that is no mapping stays text."""
    assert text_of(written) == written


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.getcwd []", "!!python/name:os.system"])
def test_front_matter_is_plain_data(tag: str) -> None:
    """Front matter that asks for a Python object is not obeyed: it stays text."""
    assert text_of(f"---\ntitle: {tag}\n---\nText.").startswith("---")


def test_too_much_front_matter() -> None:
    """Metadata that every passage would carry along has a limit, which is told."""
    with pytest.raises(UnreadableError, match="front matter"):
        read_markdown(b"---\na: " + b"x" * 20_000 + b"\n---\nText.")
