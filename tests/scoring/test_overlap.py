import pytest
from hypothesis import given, strategies
from rouge_score.rouge_scorer import RougeScorer

from harness.scoring.overlap import Bleu, Chrf, RougeL, longest_common_subsequence

ROUGE = RougeScorer(["rougeL"])
CAT = "the cat sat on the mat"

# Oracles, one pair a file H and R (and R2): the F1 of the longest common subsequence of
#   python -m rouge_score.rouge --target_filepattern=R --prediction_filepattern=H --rouge_types=rougeL --aggregate=False
# (rouge-score 0.1.2), and a hundredth of
#   sacrebleu R -i H -m bleu --sentence-level -f text -w 6      and the same with -m chrf, or with R R2
# (sacrebleu 2.6.0).
ONE = [
    (CAT, CAT, 1.0, 1.0, 1.0),
    ("the cat sat on mat", "the cat is on the mat", 0.727273, 0.20801195, 0.37564724),
    ("a dog", "the dog", 0.5, 0.5, 0.3125),
    ("Denver", "Denver Broncos", 0.666667, 0.36787944, 0.36483817),
    ("completely different words here", CAT, 0.0, 0.0, 0.10512242),
]
SEVERAL = [
    (CAT, [CAT, "there is a cat on the mat"], 1.0, 1.0),
    ("the cat sat on mat", ["the cat is on the mat", "the cat sat upon a mat"], 0.36990337, 0.55429852),
    ("a dog", ["the dog", "a big dog"], 0.70710678, 0.3125),
    ("Denver", ["Denver Broncos", "Broncos"], 1.0, 0.36483817),
    ("completely different words here", [CAT, "a mat"], 0.0, 0.10512242),
]


@pytest.mark.parametrize(("prediction", "reference", "rouge", "bleu", "chrf"), ONE)
def test_one_reference(prediction: str, reference: str, rouge: float, bleu: float, chrf: float) -> None:
    """ROUGE-L, BLEU and chrF of a case are those of the libraries' own command lines, between 0 and 1."""
    assert RougeL().score_case(prediction, [reference]) == pytest.approx(rouge, abs=1e-6)
    assert Bleu().score_case(prediction, [reference]) == pytest.approx(bleu, abs=1e-8)
    assert Chrf().score_case(prediction, [reference]) == pytest.approx(chrf, abs=1e-8)


@pytest.mark.parametrize(("prediction", "references", "bleu", "chrf"), SEVERAL)
def test_several_references(prediction: str, references: list[str], bleu: float, chrf: float) -> None:
    """BLEU finds n-grams in any reference, and chrF takes the nearest: as sacrebleu does with several."""
    assert Bleu().score_case(prediction, references) == pytest.approx(bleu, abs=1e-8)
    assert Chrf().score_case(prediction, references) == pytest.approx(chrf, abs=1e-8)


def test_rouge_takes_the_nearest() -> None:
    """ROUGE-L is that of the nearest reference."""
    assert RougeL().score_case("a dog", ["a mat", "a dog barks"]) == pytest.approx(0.8)  # p = 2/2, r = 2/3


words = strategies.lists(
    strategies.sampled_from(["a", "cat", "Cat's", "on-mat", "7", "naïve", "東京", "\n"]), max_size=80
)


@given(words, strategies.lists(words, min_size=1, max_size=3))
def test_rouge_is_rouge(prediction: list[str], references: list[list[str]]) -> None:
    """ROUGE-L of any text is that of rouge-score, and unscored only where that has no words to compare."""
    said, wanted = " ".join(prediction), [" ".join(reference) for reference in references]
    (found,) = RougeL().compute(predictions=[said], references=[wanted])["cases"]
    assert (found or 0.0) == pytest.approx(ROUGE.score_multi(wanted, said)["rougeL"].fmeasure)


def test_longest_common_subsequence() -> None:
    """The longest common subsequence counts words in the same order, not beside one another, however many there are."""
    assert longest_common_subsequence("a b c d".split(), "b x d a".split()) == 2
    assert longest_common_subsequence(["a"] * 1000, ["b", "a"] * 700) == 700
    assert longest_common_subsequence([], ["a"]) == longest_common_subsequence(["a"], []) == 0


def test_rouge_knows_ascii_only() -> None:
    """A case whose references have no word that ROUGE knows is unscored; an answer without any is wrong."""
    result = RougeL().compute(predictions=["東京", "東京"], references=[["東京"], ["東京", "Tokyo"]])
    assert result["cases"] == [None, 0.0]
    assert result["reasons"] == ["the references have no ASCII word, and ROUGE knows no others", None]


def test_any_script() -> None:
    """chrF compares characters, of whatever script."""
    assert Chrf().score_case("東京", ["東京"]) == 1.0


@pytest.mark.parametrize("metric", [RougeL(), Bleu(), Chrf()], ids=lambda metric: metric.metric)
def test_empty_answer(metric) -> None:
    """An empty answer has nothing in common with a reference."""
    assert metric.score_case("", ["the dog"]) == 0.0


def test_signatures() -> None:
    """Each metric says by what settings, and of which version of a library, its numbers are."""
    assert Bleu().signature.startswith("nrefs:var|case:mixed|eff:yes|tok:13a|smooth:exp|version:")
    assert Chrf().signature.startswith("nrefs:var|case:mixed|eff:yes|nc:6|nw:0|space:no|version:")
    assert RougeL().signature == "rougeL|value:f1|stemmer:no"
