"""Which rows must be computed to score choices: those that differ in their last token only share one.

A token's log-probability is read from the position before it, so the last token of a choice needs no row of its own:
options of a single token, such as labels, cost one row a case. Knows nothing of models.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class ChoiceRow:
    """One row: the prompt of `case`, the `head` that some choices begin with, and the token each of them ends with.

    `places` says which choices of the case they are, in the order of `lasts`.
    """

    case: int
    prompt: Sequence[int]
    head: tuple[int, ...]
    places: list[int] = field(default_factory=list)
    lasts: list[int] = field(default_factory=list)

    @property
    def ids(self) -> list[int]:
        """What the model is given."""
        return [*self.prompt, *self.head]


def choice_rows(prompts: Sequence[Sequence[int]], choices: Sequence[Sequence[Sequence[int]]]) -> list[ChoiceRow]:
    """The rows that score every choice (token ids, none empty) of every prompt."""
    rows: dict[tuple[int, tuple[int, ...]], ChoiceRow] = {}
    for case, (prompt, options) in enumerate(zip(prompts, choices, strict=True)):
        for place, choice in enumerate(options):
            *head, last = choice
            row = rows.setdefault((case, tuple(head)), ChoiceRow(case, prompt, tuple(head)))
            row.places.append(place)
            row.lasts.append(last)
    return list(rows.values())
