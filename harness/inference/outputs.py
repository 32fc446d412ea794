"""What the engine answers with."""

from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True)
class Written:
    """The token ids that were written after a prompt, and of each its logit, the greatest of all."""

    ids: list[int] = field(default_factory=list)
    logits: list[float] = field(default_factory=list)

    def add(self, token: int, logit: float) -> None:
        """Writes one token more."""
        self.ids.append(token)
        self.logits.append(logit)


class Scored(NamedTuple):
    """The choices of one row: the log-likelihood of each, and whether each of its tokens has the greatest logit."""

    loglikelihoods: list[float]
    greedy: list[bool]


@dataclass(frozen=True)
class Generation:
    """One generated answer.

    `text` ends before the stop; `tokens` counts those that were generated, the end token included; `finished` says
    whether an end token or a stop text came before the limit; `seconds` is the prompt's equal share of the time of all
    that were computed with it.
    """

    text: str
    tokens: int
    finished: bool
    seconds: float


@dataclass(frozen=True)
class ChoiceScores:
    """The log-likelihood of each choice of one prompt, in nats, summed over its tokens.

    `seconds` is the prompt's equal share of the time of all that were computed with it. `greedy` says of each choice
    whether every token of it has the greatest logit, alone or with others: whether greedy decoding could write it.
    """

    loglikelihoods: tuple[float, ...]
    seconds: float
    greedy: tuple[bool, ...]
