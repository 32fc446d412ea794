"""What of a cache is to go: decided from its inventory alone, the least recently used first. Removes nothing.

What was paid for isn't had again by computing it, so it goes only where that is said.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from harness.runs.inventory import Entry, State

PAID = frozenset({"replies"})  # the kinds of what somebody else took money for


@dataclass(frozen=True)
class Limits:
    """What may stay: all that is asked for holds together. What was abandoned always goes.

    `older_than` is in seconds, `to` in bytes; `unfinished` names what interrupted builds left, `everything` all, what
    was paid for too; otherwise that goes only with `paid`.
    """

    older_than: float | None = None
    to: int | None = None
    unfinished: bool = False
    everything: bool = False
    paid: bool = False


class Choice(NamedTuple):
    """What goes, the least recently used first, what would go if no living process used or built it, and if `paid`."""

    gone: list[Entry]
    spared: list[Entry]
    paid: list[Entry]


def choose(found: Sequence[Entry], limits: Limits, *, now: float, in_use_since: float | None) -> Choice:
    """What of `found` goes under `limits`.

    What is being built is spared, and what was used since `in_use_since`, when the oldest process began that may still
    read it (seconds since the epoch, like `now`; None: there is no such process).
    """
    oldest_first = sorted(found, key=lambda entry: (entry.state is not State.ABANDONED, entry.used, entry.name))
    free = [entry for entry in oldest_first if not _in_use(entry, in_use_since)]
    may_go = [entry for entry in free if limits.paid or limits.everything or entry.kind not in PAID]
    size = sum(entry.bytes for entry in found)
    gone = _those_that_go(may_go, size, limits, now)
    too_many = size - sum(entry.bytes for entry in gone) > _or_infinite(limits.to)
    used = [entry for entry in oldest_first if _in_use(entry, in_use_since)]
    paid = [entry for entry in _those_that_go(free, size, limits, now) if entry not in may_go]
    return Choice(gone, [entry for entry in used if too_many or _goes(entry, limits, now)], paid)


def _those_that_go(oldest_first: Sequence[Entry], size: int, limits: Limits, now: float) -> list[Entry]:
    """What goes where all of `oldest_first` may, of a cache of `size` bytes."""
    gone = [entry for entry in oldest_first if _goes(entry, limits, now)]
    too_many = size - sum(entry.bytes for entry in gone) - _or_infinite(limits.to)
    for entry in oldest_first:
        if too_many > 0 and entry not in gone:
            gone.append(entry)
            too_many -= entry.bytes
    return gone


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
