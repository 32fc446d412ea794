"""Chooses the worked examples of few-shot prompts: the same ones for every case, drawn by seed."""

from collections.abc import Sequence
from random import Random

from harness.errors import InputError
from harness.prompting.prompts import Shot


def choose_shots(pool: Sequence[Shot], count: int, *, seed: int) -> tuple[Shot, ...]:
    """`count` shots with distinct questions from `pool`; raises InputError if there are too few.

    The first K of a longer selection are the selection of K, so that few-shot-2 and few-shot-4 are nested.
    """
    distinct = list({shot.question: shot for shot in pool}.values())
    if len(distinct) < count:
        raise InputError(
            f"few-shot-{count} needs {count} training cases with distinct questions, and the suite has "
            f"{len(distinct)}. Lower K, or add cases to a split of kind train."
        )
    Random(seed).shuffle(distinct)
    return tuple(distinct[:count])
