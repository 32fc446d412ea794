"""Recall@k, reciprocal rank, nDCG@10 and precision@k of rankings, by ir-measures, which computes as trec_eval does."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import datasets
import ir_measures

from harness.scoring.metric import CaseMetric


class Ranking(CaseMetric):
    """Base of metrics whose prediction is a list of different names, best first; the references name what is relevant.

    `compute` raises ValueError for a ranking that has a name twice and for a case in which nothing is relevant.
    """

    prediction = datasets.Sequence(datasets.Value("string"))
    measure: ir_measures.Measure

    def _compute(self, predictions: Sequence[Sequence[str]], references: Sequence[Sequence[str]]) -> dict[str, Any]:
        if not predictions:
            raise ValueError(f"{self.metric}: there is nothing to score, so there is no mean")
        run, relevant = {}, {}
        for place, (ranking, wanted) in enumerate(zip(predictions, references, strict=True)):
            if len(set(ranking)) < len(ranking) or not wanted:
                raise ValueError(f"{self.metric}: case {place} ranks {list(ranking)} where {list(wanted)} is relevant")
            # numbers for names: the library's names end at a NUL
            numbers = {name: str(number) for number, name in enumerate(dict.fromkeys([*ranking, *wanted]))}
            relevant[str(place)] = dict.fromkeys((numbers[name] for name in wanted), 1)
            # trec_eval orders by score, and equal scores by name: so none are equal
            run[str(place)] = {numbers[name]: float(-rank) for rank, name in enumerate(ranking)}
        values = {one.query_id: float(one.value) for one in ir_measures.iter_calc([self.measure], relevant, run)}
        cases = [values[str(place)] for place in range(len(predictions))]
        return {self.metric: fmean(cases), "cases": cases}


class Recall(Ranking):
    """Mean share of the evidence that is among the first k; its name carries k."""

    def __init__(self, k: int, **settings: Any) -> None:
        """`k` is how many count."""
        self.metric = f"recall@{k}"
        self.measure = ir_measures.R @ k
        super().__init__(**settings)


class Precision(Ranking):
    """Mean share of the first k that are evidence, those that weren't retrieved counted too; its name carries k."""

    def __init__(self, k: int, **settings: Any) -> None:
        """`k` is how many count."""
        self.metric = f"precision@{k}"
        self.measure = ir_measures.P @ k
        super().__init__(**settings)


class MeanReciprocalRank(Ranking):
    """Mean of one over the rank of the first that is evidence; 0 for a case in which none was retrieved."""

    metric = "mrr"
    measure = ir_measures.RR


class DiscountedGain(Ranking):
    """Mean gain of the first ten, discounted by log2(1 + rank), over the most that it can be.

    Järvelin and Kekäläinen 2002.
    """

    metric = "ndcg@10"
    measure = ir_measures.nDCG @ 10


def ranking_metrics(k: int) -> tuple[Ranking, ...]:
    """The metrics of a variant that shows `k` passages."""
    return Recall(k), MeanReciprocalRank(), DiscountedGain(), Precision(k)
