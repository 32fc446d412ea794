"""Which answer a method that learns from preferences shall like less than the reference of a train case.

Knows nothing of tokens or training.
"""

from collections.abc import Iterable, Sequence
from random import Random

from harness.errors import InputError
from harness.suite import Case
from harness.suite.checks import normal


def rejected_answer(case: Case, pool: Sequence[Case], seed: int) -> str:
    """A wrong answer to `case`: the hardest kind that there is, drawn from that kind by `seed`.

    1. One of its `stale` answers: right before the corpus changed, and what a trained model likes to say.
    2. One of its other `choices`.
    3. The first reference of another case in `pool` (the train cases, this one perhaps among them).

    The same case, pool and seed give the same answer in every process, whatever the other cases are given. None of them
    equals a reference but for case and white space. Raises InputError if there is no wrong answer.
    """
    references = {normal(text) for text in case.references}
    draw = Random(f"{seed}/{case.id}")  # a text as seed: the same numbers in every process

    def wrong(answers: Iterable[str]) -> list[str]:
        return [text for text in answers if normal(text) not in references]

    for answers in (wrong(case.stale), wrong(case.choices)):
        if answers:
            return draw.choice(answers)
    if pool:
        start = draw.randrange(len(pool))
        for number in range(len(pool)):  # the first that is wrong, from a drawn place on: no list of all for every case
            answer = pool[(start + number) % len(pool)].references[0]
            if wrong([answer]):
                return answer
    raise InputError(
        f"the train case {case.id!r} has no wrong answer to learn from: it has neither `stale` answers nor other "
        "`choices`, and all train cases have its reference. Add one of them, or leave out methods that learn from "
        "preferences."
    )
