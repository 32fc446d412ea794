"""Of facts that changed, does a variant know the new answer or the old one? Counts of answers, seed by seed.

Knows nothing of what the answers say: only that an outdated one was given, and whether the answer counts as right.
"""

import numpy as np

from harness.comparison.evidence import Evidence
from harness.comparison.findings.attribution import RIGHT_FROM
from harness.comparison.metrics import STALE_RATE
from harness.comparison.records.conclusions import Staleness
from harness.comparison.table import ScoreTable


def staleness(evidence: Evidence) -> list[Staleness]:
    """One record for each split with questions whose answer has changed, and each variant that was asked them.

    Only questions count that the split's primary metric judges. *Old* is what equals an outdated answer, also where a
    lenient metric gives it half a mark; *new* is what else the primary metric counts as right, from one half on. A case
    without a score in one seed is unscored in all of them.
    """
    found = []
    for split in evidence.splits:
        stale = evidence.tables.get((split.name, STALE_RATE))
        primary = evidence.tables.get((split.name, evidence.primary.get(split.name, "")))
        if stale is not None and primary is not None:
            both = [variant for variant in primary.variants if variant in stale.variants]
            found += [_of_variant(variant, stale, primary) for variant in both]
    return found


def _of_variant(variant: str, stale: ScoreTable, primary: ScoreTable) -> Staleness:
    """What `variant` answered to the cases that are in both tables."""
    _, of_stale, of_primary = np.intersect1d(stale.cases, primary.cases, return_indices=True)
    outdated = stale.scores[variant].values[of_stale]
    score = primary.scores[variant].values[of_primary]
    unscored = np.isnan(outdated) | np.isnan(score)
    old = ~unscored & (outdated == 1)
    new = ~unscored & ~old & (score >= RIGHT_FROM)
    counts = {"new": int(new.sum()), "old": int(old.sum()), "unscored": int(unscored.sum())}
    return Staleness(
        variant=variant,
        split=stale.split,
        n=outdated.size,
        neither=outdated.size - sum(counts.values()),
        **counts,
    )
