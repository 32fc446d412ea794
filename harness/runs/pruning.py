"""What of a cache is to go: decided from its inventory alone, the least recently used first. Removes nothing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from harness.runs.inventory import Entry, State


@dataclass(frozen=True)
class Limits:
    """What may stay: all that is asked for holds together. What was abandoned always goes.

    `older_than` is in seconds, `to` in bytes; `unfinished` names what interrupted builds left, `everything` all.
    """

    older_than: float | None = None
    to: int | None = None
    unfinished: bool = False
    everything: bool = False


class Choice(NamedTuple):
    """What goes, the least recently used first, and what would go if no living process used or built it."""

    gone: list[Entry]
    spared: list[Entry]


def choose(found: Sequence[Entry], limits: Limits, *, now: float, in_use_since: float | None) -> Choice:
    """What of `found` goes under `limits`.

    What is being built is spared, and what was used since `in_use_since`, when the oldest process began that may still
    read it (seconds since the epoch, like `now`; None: there is no such process).
    """
    oldest_first = sorted(found, key=lambda entry: (entry.state is not State.ABANDONED, entry.used, entry.name))
    free = [entry for entry in oldest_first if not _in_use(entry, in_use_since)]
    gone = [entry for entry in free if _goes(entry, limits, now)]
    too_many = sum(entry.bytes for entry in found) - sum(entry.bytes for entry in gone) - _or_infinite(limits.to)
    for entry in free:
        if too_many > 0 and entry not in gone:
            gone.append(entry)
            too_many -= entry.bytes
    used = [entry for entry in oldest_first if _in_use(entry, in_use_since)]
    return Choice(gone, [entry for entry in used if too_many > 0 or _goes(entry, limits, now)])


def _or_infinite(size: int | None) -> float:
    return math.inf if size is None else size


def _goes(entry: Entry, limits: Limits, now: float) -> bool:
    if limits.everything or entry.state is State.ABANDONED:
        return True
    if limits.unfinished and entry.state is State.UNFINISHED:
        return True
    return limits.older_than is not None and entry.used < now - limits.older_than


def _in_use(entry: Entry, since: float | None) -> bool:
    if entry.state in {State.FINISHED, State.GROWING}:
        return since is not None and entry.used >= since
    return entry.state is State.BUILDING
