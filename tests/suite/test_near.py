from random import Random

import pytest

from harness.suite.near import near_pairs, shingles


def similarity(a: str, b: str) -> float:
    ours, theirs = set(shingles(a).tolist()), set(shingles(b).tolist())
    return len(ours & theirs) / len(ours | theirs)


def sentence(random: Random) -> str:
    return " ".join(random.choice(["ship", "port", "cargo", "salt", "the", "of", "mast", "7"]) for _ in range(8))


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 1.0])
def test_no_pair_is_missed(threshold: float) -> None:
    """A twin is found for exactly the texts that have one when every pair is compared."""
    random = Random(0)
    known, asked = [sentence(random) for _ in range(150)], [sentence(random) for _ in range(100)]
    asked += [text.replace("ship", "shop") for text in known[:30]]
    pairs = near_pairs(known, asked, threshold)
    best = [max(similarity(text, other) for other in known) for text in asked]
    assert [pair.number for pair in pairs] == [number for number, most in enumerate(best) if most >= threshold]
    for pair in pairs:
        assert pair.similarity == similarity(asked[pair.number], known[pair.twin]) >= threshold
    assert pairs or threshold == 1.0


def test_case_punctuation_and_spaces_do_not_count() -> None:
    """Texts that differ in nothing else are the same; of two equal ones the first is named."""
    assert near_pairs(["salt?", "Who leads  the Swan", "who leads the swan!"], ["WHO LEADS THE SWAN?"], 1.0) == [
        (0, 1, 1)
    ]


@pytest.mark.parametrize("text", ["", "?!", "ab", "\ud7a3" * 3, "\x00\x00"])
def test_texts_without_five_letters(text: str) -> None:
    """Very short texts are equal to themselves if they hold a letter, and to nothing otherwise."""
    expected = [(0, 0, 1.0)] if any(map(str.isalnum, text)) else []
    assert near_pairs([text], [text], 0.8) == expected
    assert near_pairs([], [text], 0.8) == []
