import string
from pathlib import Path

import evaluate
import pytest

from harness.scoring.choice import Accuracy, AccuracyPerByte, AccuracyPerToken, chosen
from harness.scoring.metric import CaseMetric
from harness.scoring.number import FinalNumber
from harness.scoring.outputs import Output
from harness.scoring.overlap import Bleu, Chrf, RougeL
from harness.scoring.pattern import Regex
from harness.scoring.quality import QualityMetric
from harness.scoring.support import Supported
from harness.scoring.text import ExactMatch, StaleRate, TokenF1, exact_match, normalise, token_f1

QUALITY = [
    *(Accuracy(), AccuracyPerByte(), AccuracyPerToken(), ExactMatch(), TokenF1()),
    *(RougeL(), Bleu(), Chrf(), FinalNumber(), Regex(".*")),
]
OTHERS = [StaleRate(), Supported()]
CHOICES = ("Lynx", "a very long-haired marmot", "Ω")

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


def test_nothing_is_written_to_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Homes may be read-only, and evaluate makes a folder there for every module, even one in memory."""
    monkeypatch.setattr(evaluate.config, "HF_METRICS_CACHE", str(tmp_path / "cache"))
    assert ExactMatch().compute(predictions=["a"], references=[["a"]])["cases"] == [1.0]
    assert list(tmp_path.iterdir()) == []


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
    assert result == {"accuracy": pytest.approx(2 / 3), "cases": [1.0, 0.0, 1.0], "reasons": [None] * 3}


@pytest.mark.parametrize(
    ("metric", "choice"),
    [
        (Accuracy(), 0),  # -4, -8, -5
        (AccuracyPerByte(), 1),  # -4 / 4, -8 / 25, -5 / 2: a Greek letter has two bytes in UTF-8
        (AccuracyPerToken(), 1),  # -4 / 1, -8 / 6, -5 / 3
    ],
    ids=lambda value: getattr(value, "metric", ""),
)
def test_normalised(metric: Accuracy, choice: int) -> None:
    """The sum of log-likelihoods is divided by nothing, by the bytes of the choice, or by its tokens."""
    output = Output("x", ("Lynx",), choices=CHOICES, loglikelihoods=(-4.0, -8.0, -5.0), choice_tokens=(1, 6, 3))
    assert metric.prediction_of(output) == CHOICES[choice]


def test_tokens_must_be_told() -> None:
    """Accuracy per token of choices whose tokens nobody counted is an error, never a guess."""
    with pytest.raises(ValueError, match="shorter"):
        AccuracyPerToken().prediction_of(Output("x", ("Lynx",), choices=CHOICES, loglikelihoods=(-4.0, -8.0, -5.0)))


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


@pytest.mark.parametrize("metric", [*QUALITY, *OTHERS], ids=lambda metric: metric.metric)
def test_is_an_evaluate_metric(metric: CaseMetric) -> None:
    """Every metric is a real `evaluate.Metric`: it has a description, adds up by batches and computes twice alike."""
    assert isinstance(metric, evaluate.Metric)
    assert metric.description
    one = ["42"] if metric in OTHERS[2:] else "42"
    for _ in range(2):
        metric.add_batch(predictions=[one, one], references=[["42"], ["57"]])
        metric.add(prediction=one, reference=["42"])
        result = metric.compute()
        assert result[metric.metric] == pytest.approx(2 / 3)
        assert result["cases"] == [1.0, 0.0, 1.0]


@pytest.mark.parametrize("metric", [*QUALITY, *OTHERS], ids=lambda metric: metric.metric)
def test_nothing_to_score(metric: CaseMetric) -> None:
    """The mean of nothing is an error, not a zero."""
    with pytest.raises(ValueError, match="nothing to score"):
        metric.compute(predictions=[], references=[])


@pytest.mark.parametrize("metric", QUALITY, ids=lambda metric: metric.metric)
def test_any_reference_will_do(metric: QualityMetric) -> None:
    """An answer that equals one of several references is wholly right, whichever it is."""
    for references in (["17", "42"], ["42", "17"]):
        assert metric.compute(predictions=["42"], references=[references])["cases"] == [1.0]


def test_no_folder_outside_the_cache(tmp_path, monkeypatch) -> None:
    """The argument of a metric's name never becomes part of a path, whatever a suite writes there."""
    monkeypatch.setattr(evaluate.config, "HF_METRICS_CACHE", tmp_path / "cache")
    Regex("x/../../../../outside")
    assert list(tmp_path.iterdir()) == []
