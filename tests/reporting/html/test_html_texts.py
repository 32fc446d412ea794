"""Texts on their way into the page: cut in pieces, kept once, packed."""

import json
import zlib
from base64 import b64decode

from hypothesis import given
from hypothesis import strategies as st

from harness.reporting.html.strings import Strings, packed, pieces


def unpacked(text):
    return json.loads(zlib.decompress(b64decode(text)))


@given(st.text(max_size=60), st.lists(st.text(max_size=5), max_size=4))
def test_pieces_join_to_the_text(text, known):
    """Whatever is looked for, the pieces are the text again."""
    assert "".join(pieces(text, known)) == text


def test_pieces_single_out_what_is_known():
    """A passage within a prompt is a piece of its own, and the rest falls into lines."""
    assert pieces("Read.\nTitle two\nlines\nAsk?", ["two\nlines"]) == ["Read.\n", "Title ", "two\nlines", "\n", "Ask?"]


def test_a_text_is_kept_once():
    """The same text has the same number; a long one is kept as its beginning with its length."""
    strings = Strings(limit=3)
    assert [strings.add(text) for text in ("abc", "abcd", "abc")] == [0, 1, 0]
    assert strings.listed() == ["abc", ("abc", 4)]


@given(st.text(st.characters(categories=None), max_size=40))
def test_any_text_is_packed(text):
    """Every text comes out of the package as it went in, lone surrogates and NUL included."""
    assert unpacked(packed([text])) == [text]


def test_nothing_packed_ends_a_script():
    """The package holds none of the characters that mean something in HTML."""
    assert not set("<>&\"'") & set(packed(["</script><!--"] * 5))
