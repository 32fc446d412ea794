import pytest

from harness.errors import InputError
from harness.scoring import parse_metrics
from harness.scoring.pattern import Regex
from harness.scoring.quality import UnscoredError


@pytest.mark.parametrize(
    ("pattern", "text", "answer"),
    [
        ("answer: (.*)", "answer: no\nanswer: The Salt.", "The Salt."),  # the last match
        ("[A-E]", "A or B", "B"),  # all of it, where there is no group
        (r"\(([A-E])\)|option ([A-E])", "(A) no, option B", "B"),  # the first group that took part
        ("(a)(b)", "ab", "a"),
        ("is (.*?)$", "it is 東京", "東京"),
        (".*", "salt", "salt"),  # not the nothing at the end, which it matches too
    ],
)
def test_answer(pattern: str, text: str, answer: str) -> None:
    """The answer is the first group that took part in the last match."""
    assert Regex(pattern).answer(text) == answer


def test_exact_match() -> None:
    """What was found is compared as in `exact_match`, with any of the references."""
    metric = Regex("answer: (.*)")
    assert metric.score_case("answer: The Salt.", ["tea", "salt"]) == 1.0
    assert metric.score_case("answer: tea", ["salt"]) == 0.0


def test_no_match() -> None:
    """An answer that the pattern doesn't match is unscored; one in which it finds nothing is wrong."""
    with pytest.raises(UnscoredError, match="doesn't match"):
        Regex("answer: (.*)").score_case("salt", ["salt"])
    assert Regex("answer: (.*)").score_case("answer: ", ["salt"]) == 0.0


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*)*b", "(a?){500}a{500}"])
def test_never_hangs(pattern: str) -> None:
    """Patterns on which a backtracking engine would take longer than the universe exists are searched at once."""
    with pytest.raises(UnscoredError):
        Regex(pattern).score_case("a" * 400 + "!", ["x"])


@pytest.mark.parametrize(
    "pattern",
    ["(a", "a(?=b)", r"(a)\1", "((a{100}){100}){100}", "a{1001}", r"(\p{L}{500}){2}" * 200],
)
def test_refused(pattern: str) -> None:
    """A pattern that isn't RE2's, or would need more memory than it allows, is refused and the remedy named."""
    with pytest.raises(InputError, match="Mend the pattern"):
        parse_metrics([f"regex({pattern})"], chooses=False)
