"""Which metric decides on a split? Knows nothing of how metrics are computed."""

from collections import defaultdict
from collections.abc import Collection, Iterable

from harness.comparison.records.comparison import Cell, SplitReference
from harness.comparison.records.rows import ScoreRow

STALE_RATE = "stale_rate"
_BY_PREFERENCE = ("accuracy", "exact_match")
_RETRIEVAL = ("recall@", "mrr", "ndcg@", "precision@")


def primary_metric(metrics: Collection[str]) -> str:
    """Accuracy if it is among `metrics` (the cases are choices), else exact match, else the first by name.

    Raises ValueError if there are no metrics.
    """
    if not metrics:
        raise ValueError("a split without metrics has no primary metric")
    return next((metric for metric in _BY_PREFERENCE if metric in metrics), min(metrics))


def primary_metrics(scores: Iterable[Cell | ScoreRow], splits: Iterable[SplitReference] = ()) -> dict[str, str]:
    """The primary metric of each split that occurs in `scores`: the one that `splits` name, or else by preference."""
    named = {split.name: split.primary for split in splits if split.primary}
    metrics: dict[str, set[str]] = defaultdict(set)
    for score in scores:
        metrics[score.split].add(score.metric)
    return {split: named.get(split) or primary_metric(found) for split, found in metrics.items()}


def is_retrieval(metric: str) -> bool:
    """Whether `metric` judges the passages that were retrieved rather than the answer."""
    return metric.startswith(_RETRIEVAL)
