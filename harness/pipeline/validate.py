"""How good is a model on the validation cases? What `@best` and tuning choose by; test splits are never looked at."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from harness.comparison import ScoreRow
from harness.comparison.metrics import primary_metrics
from harness.pipeline.index import Retrieved
from harness.pipeline.predict import Answered
from harness.pipeline.score import score_all


def mean_score(answered: Sequence[Answered], retrieved: Mapping[str, Retrieved]) -> float:
    """The mean of the tasks' primary metrics, each task with the same weight, 0 to 1.

    An unscored case counts as a wrong one here: nothing may be chosen because it could not be judged.
    """
    rows = score_all(answered, retrieved)
    primary = primary_metrics(rows)
    return fmean(_mean(rows, task, metric) for task, metric in primary.items())


def _mean(rows: Sequence[ScoreRow], task: str, metric: str) -> float:
    return fmean(row.value or 0.0 for row in rows if row.split == task and row.metric == metric)
