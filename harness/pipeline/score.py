"""The scoring stage: from predictions to rows, one a case and metric."""

from collections.abc import Mapping, Sequence

from harness.comparison import ScoreRow
from harness.pipeline.index import Retrieved
from harness.pipeline.predict import Answered
from harness.scoring import Output, score


def score_all(answered: Sequence[Answered], retrieved: Mapping[str, Retrieved]) -> list[ScoreRow]:
    """The scores of every prediction by every metric that its case allows; `retrieved` by task."""
    rows = []
    for answer in answered:
        shown = retrieved[answer.task.name].documents if answer.variant.context.passages else {}
        outputs = [
            Output(
                case=case.id,
                references=case.references,
                text=prediction.text,
                finished=prediction.finished,
                choices=case.choices,
                loglikelihoods=prediction.loglikelihoods,
                stale=case.stale,
                evidence=case.evidence,
                retrieved=shown[case.id][: answer.variant.context.passages] if shown else None,
            )
            for case, prediction in zip(answer.task.split.cases, answer.predictions, strict=True)
        ]
        seed = answer.predictions[0].seed if answer.predictions else 0
        rows += [
            ScoreRow(
                variant=str(answer.variant),
                split=answer.task.name,
                case=s.case,
                metric=s.metric,
                seed=seed,
                value=s.value,
                reason=s.reason,
            )
            for s in score(outputs)
        ]
    return rows
