"""Splits texts of any script into the words that BM25 counts. Knows nothing of how they are counted."""

import unicodedata
from functools import lru_cache
from typing import Any, Literal

# the languages that both the Snowball stemmers and the stop words of bm25s know
Language = Literal[
    "danish",
    "dutch",
    "english",
    "french",
    "german",
    "italian",
    "norwegian",
    "portuguese",
    "russian",
    "spanish",
    "swedish",
    "turkish",
]
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")  # as Unicode names begin


def words(text: str, language: Language | None) -> list[str]:
    """The words of `text` in their order, without regard to case and to Unicode's ways of writing one character.

    Letters, digits and the marks on them make words, and everything else parts them; where a script has no spaces,
    every character is a word. With a language its stop words are left out and the others are stemmed (Porter's
    Snowball stemmers); None leaves them all as they are.
    """
    found = unicodedata.normalize("NFKC", text).casefold().translate(_SPACING).split()
    if language is None:
        return found
    stop, stemmer = _stop_words(language), _stemmer(language)
    stems: list[str] = stemmer.stemWords([word for word in found if word not in stop])
    return stems


class _Spacing(dict[int, str]):
    """What to write for each character so that white space parts the words; found when it first occurs."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if category == "Cf":  # soft hyphens, joiners and the like, which nobody sees
            written = ""
        elif category[0] not in "LMN":
            written = " "
        elif unicodedata.name(character, "").startswith(_UNSPACED):
            written = f" {character} "
        else:
            written = character
        self[code] = written
        return written


_SPACING = _Spacing()


@lru_cache
def _stop_words(language: Language) -> frozenset[str]:
    from bm25s import stopwords

    name = "EN" if language == "english" else language.upper()
    return frozenset(getattr(stopwords, f"STOPWORDS_{name}"))


@lru_cache
def _stemmer(language: Language) -> Any:
    from Stemmer import Stemmer

    return Stemmer(language)
