import math

import evaluate
import ir_measures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.scoring.ranking import (
    DiscountedGain,
    MeanReciprocalRank,
    Precision,
    Ranking,
    Recall,
    ranking_metrics,
)
from harness.scoring.trec import qrels_lines, run_lines

NAMES = st.sampled_from([*"abcdefghijklmnop"])


def by_formula(metric: str, ranked: list[str], relevant: set[str]) -> float:
    """The metrics from their definitions (Manning et al. 2008, chapter 8; Järvelin and Kekäläinen 2002)."""
    name, _, cut = metric.partition("@")
    first = ranked[: int(cut)] if cut else ranked
    ranks = [rank for rank, found in enumerate(first, 1) if found in relevant]
    best = range(1, min(len(relevant), int(cut or 0)) + 1)
    return {
        "recall": lambda: len(ranks) / len(relevant),
        "precision": lambda: len(ranks) / int(cut),
        "mrr": lambda: 1 / ranks[0] if ranks else 0.0,
        "ndcg": lambda: sum(1 / math.log2(1 + r) for r in ranks) / sum(1 / math.log2(1 + r) for r in best),
    }[name]()


def test_names() -> None:
    """The metrics of a variant that shows three passages, by name."""
    assert [metric.metric for metric in ranking_metrics(3)] == ["recall@3", "mrr", "ndcg@10", "precision@3"]


CASES = st.lists(
    st.tuples(st.lists(NAMES, unique=True, max_size=14), st.lists(NAMES, unique=True, min_size=1, max_size=13)),
    min_size=1,
    max_size=12,
)


@given(CASES)
@settings(max_examples=25, deadline=None)
def test_by_the_formulas(cases: list[tuple[list[str], list[str]]]) -> None:
    """Every metric gives each case what its formula gives, in the order of the cases, and their mean."""
    ranked, relevant = [list(column) for column in zip(*cases, strict=True)]
    for metric in ranking_metrics(3):
        expected = [by_formula(metric.metric, one, set(wanted)) for one, wanted in cases]
        result = metric.compute(predictions=ranked, references=relevant)
        assert result["cases"] == pytest.approx(expected, abs=1e-9)
        assert result[metric.metric] == pytest.approx(sum(expected) / len(expected), abs=1e-9)


def test_ranks_by_hand() -> None:
    """Of three relevant ones the first and the fourth rank hold one each, and the third wasn't retrieved."""
    ranked, relevant = [["x", "b", "c", "y", "d"]], [["x", "y", "z"]]
    values = [metric.compute(predictions=ranked, references=relevant)["cases"][0] for metric in ranking_metrics(3)]
    gain = (1 + 1 / math.log2(5)) / (1 + 1 / math.log2(3) + 1 / 2)
    assert values == pytest.approx([1 / 3, 1.0, gain, 1 / 3], abs=1e-9)


def test_order_counts_and_not_names() -> None:
    """A ranking of many is cut where it is cut, whatever its names: trec_eval puts equal scores in order of names."""
    for names in ([f"n{number:03}" for number in range(300)], [f"n{number:03}" for number in reversed(range(300))]):
        result = Recall(150).compute(predictions=[names, names], references=[[names[149]], [names[150]]])
        assert result["cases"] == [1.0, 0.0]


@pytest.mark.parametrize("name", ["a b", "\x00", "a\x00b", "é", "\n", ""], ids=ascii)
def test_any_name(name: str) -> None:
    """Names are told apart whatever they hold."""
    result = MeanReciprocalRank().compute(predictions=[[f"{name}x", name, f"{name}y"]], references=[[name]])
    assert result["cases"] == [0.5]


def test_fewer_than_k() -> None:
    """What wasn't retrieved counts against precision, and an empty ranking scores 0."""
    assert Precision(3).compute(predictions=[["a"], []], references=[["a"], ["a"]])["cases"] == [
        pytest.approx(1 / 3),
        0.0,
    ]
    for metric in ranking_metrics(3):
        assert metric.compute(predictions=[[]], references=[["a"]])["cases"] == [0.0]


@pytest.mark.parametrize(("ranking", "relevant"), [(["a", "b", "a"], ["b"]), (["a"], [])], ids=["twice", "nothing"])
def test_what_is_no_ranking(ranking: list[str], relevant: list[str]) -> None:
    """A name twice in a ranking, and a case in which nothing is relevant, have no score."""
    for metric in ranking_metrics(3):
        with pytest.raises(ValueError, match="case 1 ranks"):
            metric.compute(predictions=[["a"], ranking], references=[["a"], relevant])


@given(CASES)
@settings(max_examples=10, deadline=None)
def test_same_as_from_the_files(cases: list[tuple[list[str], list[str]]]) -> None:
    """Read back from TREC files, ir-measures' own aggregate is our mean."""
    run = "".join(line for place, (ranked, _) in enumerate(cases) for line in run_lines(f"q{place}", ranked, "ours"))
    qrels = "".join(line for place, (_, wanted) in enumerate(cases) for line in qrels_lines(f"q{place}", wanted))
    read = list(ir_measures.read_trec_run(f"{run}\n")), list(ir_measures.read_trec_qrels(f"{qrels}\n"))
    for metric in ranking_metrics(5):
        theirs = ir_measures.calc_aggregate([metric.measure], read[1], read[0])[metric.measure]
        ours = metric.compute(predictions=[one for one, _ in cases], references=[wanted for _, wanted in cases])
        assert ours[metric.metric] == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("metric", [*ranking_metrics(3)], ids=lambda metric: metric.metric)
def test_is_an_evaluate_metric(metric: Ranking) -> None:
    """Every metric is a real `evaluate.Metric`: it has a description, adds up by batches and computes twice alike."""
    assert isinstance(metric, evaluate.Metric)
    assert metric.description
    for _ in range(2):
        metric.add_batch(predictions=[["x", "a", "b"], ["x"]], references=[["x", "a", "b"], ["y"]])
        metric.add(prediction=["x", "a", "b"], reference=["x", "a", "b"])
        assert metric.compute() == {metric.metric: pytest.approx(2 / 3), "cases": [1.0, 0.0, 1.0]}


@pytest.mark.parametrize("metric", [Recall(1), MeanReciprocalRank(), DiscountedGain(), Precision(1)], ids=str)
def test_nothing_to_score(metric: Ranking) -> None:
    """The mean of nothing is an error, not a zero."""
    with pytest.raises(ValueError, match="nothing to score"):
        metric.compute(predictions=[], references=[])
