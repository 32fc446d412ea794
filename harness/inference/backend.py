"""What the rest of the harness asks of whatever computes a model: three calls, and how they were computed.

`Engine` is one; models behind other programs are others. docs/backends.md says how to choose.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from harness.errors import InputError
from harness.inference.outputs import ChoiceScores, Generation

Advance = Callable[[int], None]


def ignore(prompts: int) -> None:
    """An `advance` that tells nobody."""


class Backend(Protocol):
    """One model with its tokenizer: token ids in, text and numbers out.

    What comes out doesn't depend on what is asked together, nor on its order, up to the rounding that docs/backends.md
    states for each backend.
    """

    @property
    def mode(self) -> str:
        """How the model is computed, since the last call, in a word."""
        ...

    @property
    def fallback(self) -> str:
        """Why it isn't computed in the quickest way that there is, if it isn't."""
        ...

    @property
    def weight_bytes(self) -> int:
        """How much memory the model's weights take."""
        ...

    def choose(
        self,
        prompts: Sequence[Sequence[int]],
        choices: Sequence[Sequence[Sequence[int]]],
        *,
        advance: Advance = ignore,
    ) -> list[ChoiceScores]:
        """For each prompt the log-likelihood of each of its choices (token ids that continue the prompt), in nats.

        `choices[i]` belong to `prompts[i]`. `advance` is called, now and then, with the number of prompts that are
        through. Raises InputError for a prompt or a choice without tokens.
        """
        ...

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        max_new_tokens: int,
        stop: Sequence[str] = (),
        advance: Advance = ignore,
    ) -> list[Generation]:
        """Greedy answers to `prompts` (token ids), in their order.

        Each goes up to an end token of the model or the tokenizer, the first text of `stop`, or `max_new_tokens`.
        `advance` is called, now and then, with the number of prompts that are answered. Raises InputError for a prompt
        or a stop text of nothing.
        """
        ...

    def count(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each of `texts` has, without special ones."""
        ...


def refuse_empty(kind: str, items: Sequence[Sequence[object]]) -> None:
    """Raises InputError, which tells its number, if one of `items` (of the `kind` prompt or choice) has no tokens."""
    for number, item in enumerate(items, start=1):
        if not len(item):
            raise InputError(
                f"{kind} {number} of {len(items)} is empty, so nothing can be computed from it. Mend the case or the "
                "template that it comes from."
            )
