import string

import evaluate
import pytest

from harness.scoring.choice import Accuracy, chosen
from harness.scoring.metric import CaseMetric
from harness.scoring.ranking import MeanReciprocalRank, Recall, recall, reciprocal_rank
from harness.scoring.text import ExactMatch, StaleRate, TokenF1, exact_match, normalise, token_f1

TEXTS = [ExactMatch(), TokenF1(), StaleRate(), Accuracy()]
RANKINGS = [Recall(3), MeanReciprocalRank()]

# Oracle: torchmetrics 1.9.0, a port of SQuAD's own evaluate-v1.1.py (both figures divided by 100), for each row
#   pip install torchmetrics==1.9.0
#   from torchmetrics.functional.text import squad
#   squad({"prediction_text": P, "id": "1"}, {"answers": {"answer_start": [0], "text": [REFERENCE]}, "id": "1"})
# The comments say how an F1 of 2pr / (p + r) comes about from the bags of normalised words.
SQUAD = [
    ("Denver Broncos", "Denver Broncos", 1.0, 1.0),
    ("The Denver Broncos!", "denver  broncos", 1.0, 1.0),
    ("Denver", "Denver Broncos", 0.0, 2 / 3),  # p = 1/1, r = 1/2
    ("the big Denver Broncos team", "Denver Broncos", 0.0, 2 / 3),  # p = 2/4 (without "the"), r = 2/2
    ("Santa Clara, California", "Levi's Stadium in Santa Clara", 0.0, 1 / 2),  # p = 2/3, r = 2/5
    ("Carolina Panthers", "Denver Broncos", 0.0, 0.0),
    ("gold gold", "gold", 0.0, 2 / 3),  # a word counts as often as it occurs in both: p = 1/2, r = 1/1
    ("1,000", "1000", 1.0, 1.0),
    ("U.S.A.", "usa", 1.0, 1.0),
    ("another theory", "other theory", 0.0, 1 / 2),  # articles are taken out as words, never out of words
    ("", "Denver", 0.0, 0.0),
]


@pytest.mark.parametrize(("prediction", "reference", "exact", "f1"), SQUAD)
def test_squad(prediction: str, reference: str, exact: float, f1: float) -> None:
    """Exact match and token F1 are SQuAD's."""
    assert exact_match(prediction, [reference]) == exact
    assert token_f1(prediction, [reference]) == pytest.approx(f1)


def test_best_reference() -> None:
    """The reference that fits best counts, whichever comes first."""
    for references in (["Moss", "captain Moss of Ilmar"], ["captain Moss of Ilmar", "Moss"]):
        assert exact_match("moss", references) == 1.0
        assert token_f1("captain Moss", references) == pytest.approx(2 / 3)


def test_empty_texts() -> None:
    """Two texts of which nothing is left agree, as in SQuAD 2.0 (v1.1 gives them an F1 of 0)."""
    assert token_f1("The", ["a"]) == exact_match("The", ["a"]) == 1.0
    assert token_f1("", ["x"]) == token_f1("x", ["the"]) == 0.0


def test_normalise() -> None:
    """Case, ASCII punctuation, articles and white space don't count; letters of any script do."""
    assert normalise(f" The  CAT{string.punctuation}\n an\ta ") == "cat"
    assert normalise("Ångström naïve 東京") == "ångström naïve 東京"


def test_accuracy() -> None:
    """A choice is right only letter by letter."""
    result = Accuracy().compute(predictions=["Lynx", "lynx", "Newt"], references=[["Lynx"], ["Lynx"], ["Lynx", "Newt"]])
    assert result == {"accuracy": pytest.approx(2 / 3), "cases": [1.0, 0.0, 1.0]}


def test_chosen() -> None:
    """The likeliest choice is chosen, and of equals the first in the case's order."""
    assert chosen(["a", "b", "c"], [-3.0, -1.0, -2.0]) == "b"
    assert chosen(["a", "b", "c"], [-3.0, -1.0, -1.0]) == "b"
    assert chosen(["c", "b", "a"], [-1.0, -1.0, -1.0]) == "c"


def test_chosen_needs_all() -> None:
    """A choice without a log-likelihood is an error, never a choice that can't win."""
    with pytest.raises(ValueError, match="shorter"):
        chosen(["a", "b", "c"], [-3.0, -1.0])


def test_stale_rate() -> None:
    """The stale rate counts the answers that were right before, with SQuAD's normalisation."""
    result = StaleRate().compute(
        predictions=["The Zara.", "Isola", "Riga"], references=[["Zara"], ["Zara"], ["Samos", "riga"]]
    )
    assert result == {"stale_rate": pytest.approx(2 / 3), "cases": [1.0, 0.0, 1.0]}


def test_recall() -> None:
    """Recall@k is the share of the relevant documents among the first k (Manning et al. 2008, chapter 8)."""
    ranked = ["d3", "d1", "d9", "d2"]
    assert [recall(ranked, ["d1", "d2"], k) for k in (1, 2, 3, 4, 10)] == [0.0, 0.5, 0.5, 1.0, 1.0]
    assert recall(["d1", "d1"], ["d1", "d1", "d2"], 2) == 0.5
    assert recall([], ["d1"], 3) == 0.0


def test_reciprocal_rank() -> None:
    """The reciprocal rank is that of the first relevant document, and 0 where none was found."""
    ranked = ["d3", "d1", "d9", "d2"]
    assert [reciprocal_rank(ranked, relevant) for relevant in (["d3"], ["d2", "d9"], ["d2"], ["d7"])] == [
        1,
        1 / 3,
        1 / 4,
        0,
    ]


def test_rankings_as_metrics() -> None:
    """The ranking metrics average over cases and carry k in their name."""
    found, wanted = [["a", "b", "c"], ["a", "b", "c"], ["x", "y", "z"]], [["a"], ["c", "q"], ["a"]]
    assert Recall(3).compute(predictions=found, references=wanted) == {"recall@3": 0.5, "cases": [1.0, 0.5, 0.0]}
    reciprocal = MeanReciprocalRank().compute(predictions=found, references=wanted)
    assert reciprocal["mrr"] == pytest.approx((1 + 1 / 3 + 0) / 3)


@pytest.mark.parametrize("metric", [*TEXTS, *RANKINGS], ids=lambda metric: metric.metric)
def test_is_an_evaluate_metric(metric: CaseMetric) -> None:
    """Every metric is a real `evaluate.Metric`: it has a description, adds up by batches and computes twice alike."""
    assert isinstance(metric, evaluate.Metric)
    assert metric.description
    one = ["x"] if metric in RANKINGS else "x"
    for _ in range(2):
        metric.add_batch(predictions=[one, one], references=[["x"], ["y"]])
        metric.add(prediction=one, reference=["x"])
        assert metric.compute() == {metric.metric: pytest.approx(2 / 3), "cases": [1.0, 0.0, 1.0]}


@pytest.mark.parametrize("metric", [*TEXTS, *RANKINGS], ids=lambda metric: metric.metric)
def test_nothing_to_score(metric: CaseMetric) -> None:
    """The mean of nothing is an error, not a zero."""
    with pytest.raises(ValueError, match="nothing to score"):
        metric.compute(predictions=[], references=[])
