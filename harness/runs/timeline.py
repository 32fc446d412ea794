"""Where the time went: seconds by stage, no moment counted twice. Knows nothing of what the stages are."""

import heapq
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

OTHER = "other"


class Span(NamedTuple):
    """From when to when, by one clock, something was done for a stage."""

    stage: str
    begun: float
    ended: float


class StageTime(NamedTuple):
    """Seconds of one stage, and how many artifacts it built and reused."""

    stage: str
    seconds: float
    built: int = 0
    reused: int = 0


def seconds_by_stage(spans: Iterable[Span], begun: float, ended: float) -> dict[str, float]:
    """The seconds between `begun` and `ended` by stage, in the order in which the stages began, `other` last.

    At each moment the time is that of the span which began last, of nested ones therefore the inner; where there is
    none, it is `other`. So the seconds add up to `ended - begun`.
    """
    inside = sorted((max(s.begun, begun), min(s.ended, ended), s.stage) for s in spans)
    inside = [span for span in inside if span[0] < span[1]]
    moments = sorted({begun, ended, *(moment for span in inside for moment in span[:2])})
    spent = dict.fromkeys([*(stage for _, _, stage in inside), OTHER], 0.0)
    spent[OTHER] = spent.pop(OTHER)
    open_: list[tuple[float, float, str]] = []  # a heap: the one that began last first
    place = 0
    for moment, following in pairwise(moments):
        while place < len(inside) and inside[place][0] <= moment:
            start, end, stage = inside[place]
            heapq.heappush(open_, (-start, end, stage))
            place += 1
        while open_ and open_[0][1] <= moment:
            heapq.heappop(open_)
        spent[open_[0][2] if open_ else OTHER] += following - moment
    return spent


def in_order(seconds: dict[str, float], order: Sequence[str]) -> dict[str, float]:
    """The same by the stages of `order`, then those that it doesn't name, `other` last."""
    known = [*order, *(stage for stage in seconds if stage not in order and stage != OTHER), OTHER]
    return {stage: seconds[stage] for stage in dict.fromkeys(known) if stage in seconds}
