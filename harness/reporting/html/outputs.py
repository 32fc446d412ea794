"""Reads what models answered from `predictions/`. Knows nothing of scores, and of how it is shown.

Predictions may be of another version or written by hand: a field that is missing or isn't what it should be counts as
absent, since nothing is concluded from it; only a line that names no case is an error.
"""

import math
from dataclasses import dataclass
from typing import Any

from harness.errors import InputError
from harness.runs import RunFolder


@dataclass(frozen=True)
class Output:
    """What one model said of one case: a text, or the log-likelihoods of the choices in nats (None: not finite).

    `passages` were shown, `dropped` more were retrieved; `failure` says why the case wasn't asked ("" where it was).
    """

    case: str
    seed: int
    text: str | None
    finished: bool
    loglikelihoods: tuple[float | None, ...]
    passages: tuple[str, ...]
    dropped: int
    failure: str


def read_outputs(run: RunFolder, weights: str, context: str, split: str) -> list[Output]:
    """The outputs of one variant on one split; none where there is no such file.

    Raises InputError for a file that can't be read, a line that isn't JSON, and one that names no case.
    """
    path = run.predictions_path(weights, context, split)
    try:
        kept = path.exists()
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}). Give the folder of a finished run.") from None
    if not kept:
        return []
    found = []
    for number, row in enumerate(run.read_lines(path), 1):
        if not isinstance(row, dict) or not isinstance(row.get("case"), str):
            raise InputError(
                f"{path}, line {number}: names no case, so what it holds belongs to none. "
                "Repeat the run that wrote it, or remove the file."
            )
        found.append(_output(row))
    return found


def _output(row: dict[str, Any]) -> Output:
    text, failure = row.get("text"), row.get("failure")
    return Output(
        case=row["case"],
        seed=_whole(row.get("seed")),
        text=text if isinstance(text, str) else None,
        finished=row.get("finished") is not False,
        loglikelihoods=tuple(_number(value) for value in _listed(row.get("loglikelihoods"))),
        passages=tuple(name for name in _listed(row.get("passages")) if isinstance(name, str)),
        dropped=_whole(row.get("dropped")),
        failure=failure if isinstance(failure, str) else "",
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _number(value: Any) -> float | None:
    return round(value, 4) if isinstance(value, int | float) and math.isfinite(value) else None
