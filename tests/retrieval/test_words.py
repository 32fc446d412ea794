import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.retrieval.words import Language, words


def test_words_of_english() -> None:
    """With a language its stop words go and the others are stemmed; without one all stay as they are."""
    text = "The cats aren't running, and NEVER ran_twice in 2,024!"
    assert words(text, "english") == ["cat", "aren", "t", "run", "never", "ran", "twice", "2", "024"]
    assert words(text, None) == "the cats aren t running and never ran twice in 2 024".split()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ångström", unicodedata.normalize("NFD", "ångström")),
        ("STRASSE", "straße"),
        ("ﬁnal", "final"),
        ("\uff11\uff12", "12"),
        ("infor\u00admation", "information"),
        ("\ufeffword\u200e", "word"),
    ],
    ids=["composed or not", "case", "ligature", "full width", "soft hyphen", "invisible marks"],
)
def test_ways_of_writing_one_word(one: str, other: str) -> None:
    """What differs in nothing that a reader sees is one word."""
    assert words(one, None) == words(other, None) != []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("東京は日本", ["東", "京", "は", "日", "本"]),
        ("ไทย", ["ไ", "ท", "ย"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("한국어 텍스트", ["한국어", "텍스트"]),
        ("שָׁלוֹם", ["שָׁלוֹם"]),
        ("v2東京", ["v2", "東", "京"]),
        ("🙂 …\x00\ud800", []),
    ],
    ids=["Japanese", "Thai", "Hindi", "Korean", "Hebrew with points", "mixed", "no letters"],
)
def test_words_of_other_scripts(text: str, expected: list[str]) -> None:
    """Marks stay on their letters, and where no spaces part the words every character is one."""
    assert words(text, None) == [unicodedata.normalize("NFKC", word) for word in expected]


@given(st.text(st.characters()), st.text(st.characters()), st.sampled_from(["english", "turkish", None]))
def test_any_text(one: str, other: str, language: Language | None) -> None:
    """Any text has words, perhaps none, which are those of its lines one after the other and hold no white space."""
    found = words(f"{one}\n{other}", language)
    assert found == words(one, language) + words(other, language)
    assert all(word.split() == [word] for word in found)
