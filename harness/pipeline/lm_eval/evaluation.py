"""Answers go back to lm-evaluation-harness, as those of one of its own models would: it filters, judges and adds up.

What it says of each document is what a comparison takes: the numbers are the library's, and only the answers are ours.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.errors import InputError
from harness.pipeline.lm_eval.library import library_errors
from harness.pipeline.lm_eval.task import GENERATE, ROLLING, CaseMetric, LMEvalTask
from harness.pipeline.predict import Answered, Prediction
from harness.scoring import Score


def scores(answered: Answered, task: LMEvalTask) -> Iterator[Score]:
    """The scores of each case by each metric of `task` that is a number for each case."""
    samples = evaluate({task: answered})["samples"][task.name]
    by_filter: dict[str, dict[int, Mapping[str, Any]]] = {}
    for sample in samples:
        by_filter.setdefault(sample["filter"], {})[sample["doc_id"]] = sample
    for metric in task.metrics:
        for case, place in zip(answered.task.split.cases, sorted(by_filter[metric.filter]), strict=True):
            yield _score(case.id, metric, by_filter[metric.filter][place], task)


def evaluate(answers: Mapping[LMEvalTask, Answered]) -> dict[str, Any]:
    """What the library's `evaluate` returns for these answers: results of each task, and a sample of each document.

    The answers must be those of one variant with one seed. Standard errors are there where they have a closed form for
    all metrics: drawing them takes the library minutes, and the comparison has intervals of its own.
    """
    from lm_eval.api.metrics import mean
    from lm_eval.evaluator import evaluate as library_evaluate

    responses: dict[int, Any] = {}
    tasks, cases = {}, 0
    for task, answered in answers.items():
        count = len(answered.predictions)
        seed = answered.predictions[0].seed
        shots = answered.variant.context.shots
        instances = task.prepare(shots, seed, task.instances(shots, seed, count))
        for asked, prediction in zip(instances, answered.predictions, strict=True):
            responses.update(zip(map(id, asked), _responses(asked, prediction), strict=True))
        tasks[task.name], cases = task.library_task, max(cases, count)
    closed = all(aggregation is mean for task in tasks.values() for aggregation in task.aggregation().values())
    for task in tasks.values():
        task.build_all_requests = lambda **_: None  # they are built
    try:
        with library_errors(f"lm_eval:{', lm_eval:'.join(tasks)}: the answers can't be judged"):
            found: dict[str, Any] = library_evaluate(
                _replay(responses), {"tasks": tasks}, limit=cases, bootstrap_iters=int(closed), log_samples=True
            )
    finally:
        for task in tasks.values():
            del task.build_all_requests
    return found


def _replay(responses: Mapping[int, Any]) -> Any:
    """A model of the library that says what was said before, by the identity of each request."""
    from lm_eval.api.model import LM

    class Replay(LM):  # type: ignore[misc]
        def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
            return [responses[id(request)] for request in requests]

        def loglikelihood_rolling(self, requests: Sequence[Any]) -> list[float]:
            return [responses[id(request)] for request in requests]

        def generate_until(self, requests: Sequence[Any]) -> list[str]:
            return [responses[id(request)] for request in requests]

    return Replay()


def _responses(asked: Sequence[Any], prediction: Prediction) -> list[Any]:
    """What a model of the library would have returned for each request of one document."""
    pairs = iter(zip(prediction.loglikelihoods, prediction.greedy, strict=True))
    return [
        prediction.text
        if one.request_type == GENERATE
        else sum(prediction.loglikelihoods)
        if one.request_type == ROLLING
        else next(pairs)
        for one in asked
    ]


def _score(case: str, metric: CaseMetric, sample: Mapping[str, Any], task: LMEvalTask) -> Score:
    if metric.source not in sample["metrics"]:
        return Score(case, metric.name, None, "the task says nothing of this case by this metric")
    try:
        value = float(metric.value(sample[metric.source]))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"lm_eval:{task.name}: what it computes as {metric.source!r} is no number for a case ({error}), though its "
            "mean is the result. Choose another task."
        ) from None
    if not math.isfinite(value):
        return Score(case, metric.name, None, "the task's value for this case is no finite number")
    if not 0 <= value <= 1:
        return Score(case, metric.name, None, f"the task's value for this case is {value:g}, and scores lie in 0 to 1")
    return Score(case, metric.name, value)
