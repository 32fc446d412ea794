"""What goes into scoring and what comes out: the outputs of one variant, and their scores."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Output:
    """What there is to score of one case: references, and the raw output of one variant.

    `text` and `finished` for a generated answer; `loglikelihoods` (sums, in nats) and `choice_tokens` (how many
    tokens each sum is over) for a choice; `failure` says why there is no output at all.

    `evidence` names the pieces of evidence; `retrieved` are the passages that were found, best first, named by the
    pieces that they cover, and the first `complete_after` of them hold all that is needed (None: they don't).
    `passages` are the texts of those that the prompt showed, the first ones.
    """

    case: str
    references: tuple[str, ...]
    text: str | None = None
    finished: bool = True
    choices: tuple[str, ...] = ()
    loglikelihoods: tuple[float, ...] = ()
    choice_tokens: tuple[int, ...] = ()
    stale: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    retrieved: tuple[str, ...] | None = None
    complete_after: int | None = None
    passages: tuple[str, ...] | None = None
    failure: str | None = None


@dataclass(frozen=True)
class Score:
    """One number for one case by one metric, or unscored (`value` None) with the `reason`."""

    case: str
    metric: str
    value: float | None
    reason: str | None = None
