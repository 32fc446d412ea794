"""One method at several learning rates: what it learnt at each, and what it kept of what the base knew.

Knows nothing of what is claimed of two methods.
"""

from dataclasses import dataclass

from harness.comparison import Sample
from harness.comparison.findings.matched import at_matched_learning
from harness.pipeline.selfcheck.experiments import STEPS, rung
from harness.pipeline.selfcheck.scores import Arm, Scores


@dataclass(frozen=True)
class Ladder:
    """A method by rising learning rate, as far as it could be trained: what it `learnt`, and its `best` rate.

    The best is chosen on paraphrases, and what was learnt is measured in domain: the luck of the choice is not shown.
    """

    arms: tuple[Arm, ...]
    learnt: tuple[float, ...]
    best: Arm

    @classmethod
    def of(cls, scores: Scores, variant: str) -> "Ladder":
        """The ladder of `variant`."""
        every = [Arm(rung(step), variant) for step in range(STEPS)]
        in_domain = {arm: scores.mean(arm, "in_domain") for arm in every}
        learnt = {arm: share for arm, share in in_domain.items() if share is not None}
        return cls(
            tuple(learnt), tuple(learnt.values()), max(every, key=lambda arm: scores.mean(arm, "paraphrase") or 0)
        )


def kept_more(scores: Scores, first: Ladder, second: Ladder) -> list[Sample]:
    """By how much `first` keeps more than `second` at matched learning; nothing where they never learnt the same."""
    weights = at_matched_learning(first.learnt, second.learnt) if first.arms and second.arms else None
    if weights is None:
        return []
    signed = zip((*first.arms, *second.arms), (*weights[0], *-weights[1]), strict=True)
    return [scores.sum(dict(signed), "retention")]
