"""What was lost on the way? Every variant's change on the retention splits. Knows nothing of what was learnt."""

from collections.abc import Sequence
from typing import Literal

from harness.comparison.evidence import Evidence
from harness.comparison.records.base import Mean
from harness.comparison.records.comparison import REFERENCE_VARIANT, Pair
from harness.comparison.records.conclusions import Forgetting
from harness.comparison.statistics.multiplicity import ALPHA, holm


def forgetting(evidence: Evidence, pairs: Sequence[Pair]) -> list[Forgetting]:
    """The change against `base/zero-shot` on each retention split, as `pairs` found it; here those alone are a family.

    So the p values are adjusted for fewer comparisons than among all `pairs` of the split. A tie is one there too.
    """
    found = []
    for table in evidence.of_kind("retention"):
        place = (REFERENCE_VARIANT, table.split, table.metric)
        changes = [pair for pair in pairs if (pair.b, pair.split, pair.metric) == place]
        adjusted = holm([change.p for change in changes])
        found += [_record(change, p) for change, p in zip(changes, adjusted, strict=True)]
    return found


def _record(change: Pair, p_adjusted: float) -> Forgetting:
    return Forgetting(
        variant=change.a,
        split=change.split,
        change=Mean(value=change.difference, low=change.low, high=change.high),
        p_adjusted=p_adjusted,
        verdict=_verdict(change, p_adjusted),
    )


def _verdict(change: Pair, p_adjusted: float) -> Literal["better", "worse", "tie", "unknown"]:
    if p_adjusted < ALPHA and change.difference != 0:
        return "better" if change.difference > 0 else "worse"
    return "tie" if change.p_equivalent < ALPHA else "unknown"
