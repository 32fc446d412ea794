"""How many of the retrieved passages the prompts had room for, counted over the predictions."""

from collections.abc import Sequence
from itertools import groupby
from statistics import fmean

from harness.comparison import PassageUse
from harness.pipeline.predict import Answered


def passage_uses(answered: Sequence[Answered]) -> list[PassageUse]:
    """One record for each variant that retrieves and split with cases, over the answers of all seeds."""

    def place(answer: Answered) -> tuple[str, str]:
        return str(answer.variant), answer.task.name

    asked = (a for a in answered if a.variant.context.passages and not all(p.failure for p in a.predictions))
    return [_use(*key, list(group)) for key, group in groupby(sorted(asked, key=place), key=place)]


def _use(variant: str, split: str, answers: Sequence[Answered]) -> PassageUse:
    predictions = [p for answer in answers for p in answer.predictions if not p.failure]
    return PassageUse(
        variant=variant,
        split=split,
        n=len(predictions),
        retrieved=fmean(len(p.passages) + p.dropped for p in predictions),
        shown=fmean(len(p.passages) for p in predictions),
        short=sum(p.dropped > 0 for p in predictions),
        bare=sum(not p.passages for p in predictions),
    )
