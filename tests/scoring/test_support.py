import pytest

from harness.scoring.support import is_supported, says_something

PASSAGES = ["The Otter, built in 1987, is at home in Brindle.", "It carries 1,200 tons of salt."]


@pytest.mark.parametrize(
    ("answer", "supported"),
    [
        ("brindle", 1.0),
        ("The Otter.", 1.0),
        ("home in the Brindle", 1.0),  # articles don't count, as in exact match
        ("1200 tons", 1.0),
        ("otter brindle", 0.0),  # words that don't follow one another
        ("Brin", 0.0),  # a part of a word
        ("Brindle. It carries", 0.0),  # across two passages
        ("Corvo", 0.0),
    ],
)
def test_supported(answer: str, supported: float) -> None:
    """An answer is supported if its words stand one after the other in one of the passages."""
    assert is_supported(answer, PASSAGES) == supported


def test_no_passages() -> None:
    """Nothing is supported by no passages at all."""
    assert is_supported("Brindle", []) == 0.0


@pytest.mark.parametrize("answer", ["", "Yes.", "no", "The", "it is", "A", "7", "None of the both", "?!"])
def test_says_little(answer: str) -> None:
    """Answers of function words, yes or no, or a single letter or digit stand in almost any text."""
    assert not says_something(answer)


@pytest.mark.parametrize("answer", ["Brindle", "yes, Brindle", "12", "水", "IT department", "Who Dares Wins"])
def test_says_something(answer: str) -> None:
    """One word of content is enough, also a single character of a script in which that is a word."""
    assert says_something(answer)
