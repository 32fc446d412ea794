"""Questions as hurried people type them. Knows nothing of splits."""

from collections.abc import Collection
from random import Random

from harness.suite.checks import normal

LETTERS_AN_ERROR, MOST_ERRORS = 20, 25
_ATTEMPTS = 10


def mistyped(text: str, seed: str, without: Collection[str]) -> str | None:
    """`text` with a typing error in about every twenty characters, 25 at most, the same for the same `seed`.

    Letters within words are swapped with the next, left out, doubled, or replaced by the next of the alphabet; figures
    stay as they are. `without` are texts, as `normal` makes them, that must not come out, such as `text` itself. None
    where nothing else does, as for a text without two letters in a row.
    """
    random = Random(seed)
    for _ in range(_ATTEMPTS):
        typed = text
        for _ in range(min(1 + len(text) // LETTERS_AN_ERROR, MOST_ERRORS)):
            typed = _with_error(typed, random)
        if normal(typed) not in without:
            return typed
    return None


def _with_error(text: str, random: Random) -> str:
    places = [i for i in range(len(text) - 1) if text[i].isalpha() and text[i + 1].isalpha()]
    if not places:
        return text
    place = random.choice(places)
    before, letter, after = text[:place], text[place], text[place + 1 :]
    wrong = chr(ord(letter) + 1)
    kinds = [before + after[0] + letter + after[1:], before + after, before + letter + letter + after]
    return random.choice([*kinds, before + wrong + after] if wrong.isalpha() else kinds)
