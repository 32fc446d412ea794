"""Scores raw outputs case by case: one number a metric, or unscored with the reason. Never a zero for a failure."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from harness.scoring.metric import CaseMetric
from harness.scoring.names import parse_metrics
from harness.scoring.outputs import Output, Score
from harness.scoring.quality import QualityMetric, UnscoredError
from harness.scoring.ranking import ranking_metrics
from harness.scoring.support import Supported, says_something
from harness.scoring.text import StaleRate

EVIDENCE_RETRIEVED, EVIDENCE_SHOWN = "evidence_retrieved", "evidence_shown"


@dataclass(frozen=True)
class _Question:
    """What a metric is asked of a case; with a `reason` it isn't asked, and the case is unscored."""

    case: str
    prediction: Any
    references: Sequence[str]
    reason: str | None = None


def score(
    outputs: Sequence[Output], metrics: Sequence[QualityMetric] | None = None, *, passages: int = 0
) -> list[Score]:
    """All scores of one variant on one split: by `metrics` (see `parse_metrics`), and by what else the cases allow.

    Without `metrics`, choices and written answers are judged as is usual. `passages` is the K of rag-K, 0 for a
    variant that shows none.
    """
    if metrics is None:
        metrics = (*parse_metrics((), chooses=True), *parse_metrics((), chooses=False))
    retrieval = (*_rankings(outputs, passages), *_support(outputs, metrics)) if passages else ()
    return [*_quality(outputs, metrics), *_staleness(outputs), *retrieval]


def _quality(outputs: Sequence[Output], metrics: Sequence[QualityMetric]) -> Iterator[Score]:
    for metric in metrics:
        yield from _measure(metric, [_question(o, metric) for o in outputs if bool(o.choices) == metric.chooses])


def _question(output: Output, metric: QualityMetric) -> _Question:
    reason = _reason(output)
    prediction = "" if reason else metric.prediction_of(output)
    return _Question(output.case, prediction, output.references, reason)


def _staleness(outputs: Sequence[Output]) -> Iterator[Score]:
    dated = [o for o in outputs if o.stale and not o.choices]
    return _measure(StaleRate(), [_Question(o.case, o.text, o.stale, _reason(o)) for o in dated])


def _rankings(outputs: Sequence[Output], passages: int) -> Iterator[Score]:
    """How good the retrieval was, whatever was answered."""
    judged = [output for output in outputs if output.evidence and output.retrieved is not None]
    found = [_Question(output.case, list(output.retrieved or ()), output.evidence) for output in judged]
    for metric in ranking_metrics(passages):
        yield from _measure(metric, found)
    for output in judged:
        yield Score(output.case, EVIDENCE_RETRIEVED, _complete(output, passages))
    for output in judged:
        yield Score(output.case, EVIDENCE_SHOWN, _complete(output, len(output.passages or ())))


def _complete(output: Output, passages: int) -> float:
    """1.0 if all evidence that is needed is among the first `passages`, else 0.0."""
    return float(output.complete_after is not None and output.complete_after <= passages)


def _support(outputs: Sequence[Output], metrics: Sequence[QualityMetric]) -> Iterator[Score]:
    """Whether the answers, as the first metric for such cases finds them, stand in the passages that were shown."""
    first = {chooses: next((m for m in metrics if m.chooses == chooses), None) for chooses in (True, False)}
    questions = []
    for output in outputs:
        metric = first[bool(output.choices)]
        if output.passages is not None and metric is not None:
            questions.append(_claim(output, metric, output.passages))
    return _measure(Supported(), questions)


def _claim(output: Output, metric: QualityMetric, passages: Sequence[str]) -> _Question:
    """Whether the answer of `output` is supported, or why that can't be said."""
    answer, reason = "", _reason(output)
    if reason is None:
        try:
            answer = metric.answer(metric.prediction_of(output))
            reason = None if says_something(answer) else "the answer says too little to be looked for in passages"
        except UnscoredError as error:
            reason = str(error)
    return _Question(output.case, answer, passages, reason)


def _measure(metric: CaseMetric, questions: Sequence[_Question]) -> Iterator[Score]:
    """The scores by one metric, in the order of `questions`."""
    asked = [question for question in questions if question.reason is None]
    judged: dict[str, tuple[float | None, str | None]] = {}
    if asked:
        result = metric.compute(
            predictions=[question.prediction for question in asked],
            references=[list(question.references) for question in asked],
        )
        reasons = result.get("reasons", repeat(None))  # only answers can turn out to be nothing that can be judged
        judged = dict(zip([q.case for q in asked], zip(result["cases"], reasons, strict=False), strict=True))
    for question in questions:
        value, reason = judged.get(question.case, (None, question.reason))
        yield Score(question.case, metric.metric, value, reason)


def _reason(output: Output) -> str | None:
    """Why a case can't be scored, or None if it can."""
    if output.failure:
        return output.failure
    if output.choices:
        finite = output.loglikelihoods and all(math.isfinite(value) for value in output.loglikelihoods)
        return None if finite else "a log-likelihood is not a finite number"
    if output.text is None:
        return "there is no output"
    if not output.finished:
        return "the answer was cut off at max_new_tokens"
    return None
