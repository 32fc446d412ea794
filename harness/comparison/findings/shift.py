"""How much does every variant fall from the in-domain splits to each shifted one? Knows nothing of retention."""

from harness.comparison.evidence import Evidence
from harness.comparison.findings.macro import as_mean, scored
from harness.comparison.findings.robustness import effective_robustness
from harness.comparison.records.conclusions import Drop, ShiftLine
from harness.comparison.statistics.bootstrap import differences
from harness.comparison.statistics.multiplicity import judge
from harness.comparison.table import ScoreTable


def shift(evidence: Evidence) -> tuple[list[Drop], list[ShiftLine]]:
    """The drop and the effective robustness of every variant on every shifted split, and the lines of the latter.

    A shifted split is compared with the in-domain splits on which the same metric decides; where there is none, nothing
    can be said of it. Left out is who has no scored case on one of them.
    """
    found = [_of_split(_before(evidence, after), after) for after in evidence.of_kind("shifted")]
    return [drop for drops, _ in found for drop in drops], [line for _, lines in found for line in lines]


def _before(evidence: Evidence, after: ScoreTable) -> list[ScoreTable]:
    return [table for table in evidence.of_kind("in-domain") if table.metric == after.metric]


def _of_split(before: list[ScoreTable], after: ScoreTable) -> tuple[list[Drop], list[ShiftLine]]:
    """The drops to the split `after`, and its line if it has one."""
    falls = {variant: found for variant in after.variants if before and (found := scored(variant, [*before, after]))}
    if not falls:
        return [], []
    weights = [1 / len(before)] * len(before) + [-1.0]
    judged = judge(differences(list(falls.values()), weights=weights))
    fitted = effective_robustness(list(falls), before, after)
    above = fitted[1] if fitted else [None] * len(falls)
    drops = [
        Drop(variant=variant, split=after.split, drop=as_mean(fall), p_adjusted=fall.p_adjusted, robustness=robustness)
        for variant, fall, robustness in zip(falls, judged, above, strict=True)
    ]
    return drops, [fitted[0]] if fitted else []
