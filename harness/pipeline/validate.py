"""How good is a model on the validation cases? What `@best` and tuning choose by; test splits are never looked at."""

from collections.abc import Sequence

import numpy as np

from harness.comparison import Mean, Sample, ScoreRow
from harness.comparison.statistics.bootstrap import mean_intervals
from harness.pipeline.predict import Answered
from harness.pipeline.score import Scorer


def mean_score(answered: Sequence[Answered], scorer: Scorer) -> Mean:
    """The mean of the tasks' primary metrics, each task with the same weight, 0 to 1, with its 95% interval over cases.

    `answered` are the tasks' answers, of one seed or of several ones. An unscored case counts as a wrong one here:
    nothing may be chosen because it could not be judged.
    """
    by_task: dict[str, list[list[float]]] = {}
    for answer in answered:
        values = _values(scorer.score([answer]), scorer.primary(answer.task))
        by_task.setdefault(answer.task.name, []).append(values)
    found = mean_intervals([[Sample.of(np.array(seeds).T, lowest=0.0) for seeds in by_task.values()]])[0]
    return Mean(value=found.value, low=found.low, high=found.high)


def _values(rows: Sequence[ScoreRow], metric: str) -> list[float]:
    return [row.value or 0.0 for row in rows if row.metric == metric]
