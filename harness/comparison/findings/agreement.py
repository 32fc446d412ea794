"""How often do two variants answer alike? Counts over the cases of the deciding splits, for all pairs at once.

A case is right where its score, averaged over the seeds, is at least one half. Knows nothing of why they differ.
"""

from itertools import combinations

import numpy as np

from harness.comparison.evidence import Evidence
from harness.comparison.findings.attribution import RIGHT_FROM
from harness.comparison.records.conclusions import Agreement
from harness.comparison.statistics.samples import Floats
from harness.comparison.table import ScoreTable


def agreement(evidence: Evidence) -> list[Agreement]:
    """One record for each two variants that have a scored case in common, in the order of the variants.

    Every case counts once, whatever the size of its split.
    """
    names = [variant.name for variant in evidence.variants]
    tables = evidence.deciding()
    if not tables:
        return []
    scores = np.concatenate([_averaged(table, names) for table in tables], axis=1)
    answered = np.concatenate([scores >= RIGHT_FROM, scores < RIGHT_FROM]).astype(np.float32)  # exact below 2^24 cases
    counts = (answered @ answered.T).astype(int).reshape(2, len(names), 2, len(names))
    found = []
    for (a, first), (b, second) in combinations(enumerate(names), 2):
        (both, only_a), (only_b, neither) = counts[:, a, :, b].tolist()
        if n := both + only_a + only_b + neither:
            found.append(Agreement(a=first, b=second, n=n, both=both, only_a=only_a, only_b=only_b, neither=neither))
    return found


def _averaged(table: ScoreTable, variants: list[str]) -> Floats:
    """Each case averaged over the seeds, `(variants, cases)`; NaN where unscored, and for who isn't in the table."""
    missing = np.full(len(table.cases), np.nan)
    return np.stack(
        [table.scores[name].values.mean(axis=1) if name in table.variants else missing for name in variants]
    )
