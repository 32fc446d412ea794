"""Scores raw outputs case by case: one number a metric, or unscored with the reason. Never a zero for a failure."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.scoring.choice import Accuracy, chosen
from harness.scoring.metric import CaseMetric
from harness.scoring.ranking import MeanReciprocalRank, Recall
from harness.scoring.text import ExactMatch, StaleRate, TokenF1

QUALITY_METRICS = (ExactMatch.metric, TokenF1.metric, Accuracy.metric)


@dataclass(frozen=True)
class Output:
    """What there is to score of one case: references, and the raw output of one variant.

    `text` and `finished` for a generated answer, `loglikelihoods` for a choice; `retrieved` are the ids of the
    documents in the order of retrieval; `failure` says why there is no output at all.
    """

    case: str
    references: tuple[str, ...]
    text: str | None = None
    finished: bool = True
    choices: tuple[str, ...] = ()
    loglikelihoods: tuple[float, ...] = ()
    stale: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    retrieved: tuple[str, ...] | None = None
    failure: str | None = None


@dataclass(frozen=True)
class Score:
    """One number for one case by one metric, or unscored (`value` None) with the `reason`."""

    case: str
    metric: str
    value: float | None
    reason: str | None = None


def score(outputs: Sequence[Output]) -> list[Score]:
    """All scores of one variant on one split, by every metric that the cases allow."""
    choosing = [output for output in outputs if output.choices]
    writing = [output for output in outputs if not output.choices]
    dated = [output for output in writing if output.stale]
    searched = [output for output in outputs if output.retrieved is not None and output.evidence]
    texts = {o.case: o.text for o in writing}
    found = {o.case: list(o.retrieved or ()) for o in searched}
    evidence = {o.case: o.evidence for o in searched}
    k = max(map(len, found.values()), default=0)  # 0: nothing was retrieved at all, so there is no ranking
    ranked = searched if k else []
    return [
        *_measure(Accuracy(), choosing, {o.case: _choice(o) for o in choosing}),
        *_measure(ExactMatch(), writing, texts),
        *_measure(TokenF1(), writing, texts),
        *_measure(StaleRate(), dated, texts, references={o.case: o.stale for o in dated}),
        *_measure(Recall(k), ranked, found, references=evidence, unscored=False),
        *_measure(MeanReciprocalRank(), ranked, found, references=evidence, unscored=False),
    ]


def _measure(
    metric: CaseMetric,
    outputs: Sequence[Output],
    predictions: dict[str, str | None] | dict[str, list[str]],
    *,
    references: dict[str, tuple[str, ...]] | None = None,
    unscored: bool = True,
) -> Iterator[Score]:
    """The scores by one metric, in the order of `outputs`; `references` take the place of the outputs' own.

    With `unscored` False a failed output is scored too: what was retrieved doesn't depend on what was answered.
    """
    reasons = {o.case: _reason(o) if unscored else None for o in outputs}
    scored = [o for o in outputs if reasons[o.case] is None]
    values: dict[str, float] = {}
    if scored:
        result = metric.compute(
            predictions=[predictions[o.case] for o in scored],
            references=[list(references[o.case] if references else o.references) for o in scored],
        )
        values = dict(zip((o.case for o in scored), result["cases"], strict=True))
    for output in outputs:
        yield Score(output.case, metric.metric, values.get(output.case), reasons[output.case])


def _choice(output: Output) -> str | None:
    return chosen(output.choices, output.loglikelihoods) if output.loglikelihoods else None


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
