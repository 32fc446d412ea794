"""How good is a model on the validation cases? What `@best` and tuning choose by; test splits are never looked at."""

from collections.abc import Sequence

import numpy as np

from harness.comparison import Interval, ScoreRow
from harness.comparison.bootstrap import mean_intervals
from harness.pipeline.predict import Answered
from harness.pipeline.score import Scorer


def mean_score(answered: Sequence[Answered], scorer: Scorer) -> Interval:
    """The mean of the tasks' primary metrics, each task with the same weight, 0 to 1, with its 95% interval over cases.

    An unscored case counts as a wrong one here: nothing may be chosen because it could not be judged.
    """
    rows = scorer.score(answered)
    values = [_values(rows, answer.task.name, scorer.primary(answer.task)) for answer in answered]
    return mean_intervals([[np.array(sample) for sample in values]])[0]


def _values(rows: Sequence[ScoreRow], task: str, metric: str) -> list[float]:
    return [row.value or 0.0 for row in rows if row.split == task and row.metric == metric]
