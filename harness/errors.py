"""Every error that the harness raises on purpose.

::

    HarnessError
    ├── InputError            what the user gave is wrong: one message, exit code 2
    │   ├── UnknownNameError  a name that is not known; suggests the nearest one
    │   ├── ApiError          a server refuses a request, or was asked often enough
    │   ├── TooLongError      a prompt doesn't fit the window: its case is unscored, or isn't trained on
    │   └── TrainingError     a training that was begun can't be finished: its variants fail, the others go on
    ├── NotComparableError    two runs whose numbers may not be compared: exit code 2
    ├── CacheError            an artifact could not be written or read: exit code 2
    ├── ExecutionError        a worker on another machine, or in another process, can't do its work: exit code 2
    └── ProofError            a variant is not what its name says, so it is not scored: exit code 1

A run in which some trainings fail, by TrainingError or ProofError, scores the other variants and ends with code 1.

A message has three parts: what is wrong and where, why that matters, what to do about it.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class HarnessError(Exception):
    """Base of all errors that the harness raises on purpose."""


class InputError(HarnessError):
    """What the user gave (argument, file, model) can't be used as it is."""


class UnknownNameError(InputError):
    """A name that is not among the known ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, place: str = "", advice: str = "") -> None:
        """`kind` says what was named, `known` the names there are, `place` where it stood, `advice` what else helps."""
        names = sorted(known)
        nearest = get_close_matches(name, names, n=1, cutoff=0.5)
        where = f"{place}: " if place else ""
        hint = f"Did you mean {nearest[0]!r}? " if nearest else ""
        listing = ", ".join(names) if names else "none"
        super().__init__(f"{where}unknown {kind} {name!r}. {hint}Known: {listing}. {advice}".rstrip())


class ApiError(InputError):
    """A server refuses what it is asked, or fails however often it is asked."""

    def __init__(self, message: str, status: int | None = None, code: str = "") -> None:
        """`status` and `code` are what the server said: None where it said nothing, and "" where it named no code."""
        super().__init__(message)
        self.status = status
        self.code = code


class TooLongError(InputError):
    """A prompt doesn't fit the model's window."""


class TrainingError(InputError):
    """A training that was begun can't be finished with these settings here."""


class NotComparableError(HarnessError):
    """Two runs differ in something that makes their numbers incomparable."""


class CacheError(HarnessError):
    """An artifact could not be stored or read back."""


class ExecutionError(HarnessError):
    """Work that was given to another process can't be done there."""


class ProofError(HarnessError):
    """A proof failed: a variant is not what its name says, so it is not scored."""
