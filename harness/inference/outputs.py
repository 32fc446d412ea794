"""What the engine answers with."""

from dataclasses import dataclass


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

    `seconds` is the prompt's equal share of the time of all that were computed with it.
    """

    loglikelihoods: tuple[float, ...]
    seconds: float
