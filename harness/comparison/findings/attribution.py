"""Where do the errors of a variant that retrieves come from? Pure arithmetic over its score rows.

A case is answered right where its primary score is at least one half. Its evidence counts as found, or as shown, only
where all of it that is needed was. Knows nothing of how evidence was matched with passages.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

from harness.comparison.records.comparison import Attribution
from harness.comparison.records.rows import ScoreRow

RETRIEVED, SHOWN = "evidence_retrieved", "evidence_shown"
RIGHT_FROM = 0.5

Cause = Literal["right_with_evidence", "right_without_evidence", "not_retrieved", "dropped", "misread", "unscored"]


def cause(score: float | None, *, retrieved: bool, shown: bool) -> Cause:
    """What became of one case whose evidence was retrieved and shown, or not; `score` None: unscored."""
    if score is None:
        return "unscored"
    if score >= RIGHT_FROM:
        return "right_with_evidence" if shown else "right_without_evidence"
    if not retrieved:
        return "not_retrieved"
    return "misread" if shown else "dropped"


def attribute(rows: Sequence[ScoreRow], primary: Mapping[str, str]) -> list[Attribution]:
    """One record for each variant and split with cases that have evidence, in the order of `rows`.

    With several seeds every answer counts. `primary` names the metric that decides on each split.
    """
    retrieving = {(row.variant, row.split) for row in rows if row.metric == RETRIEVED}
    found: dict[tuple[str, str], dict[tuple[str, int], dict[str, float | None]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for row in rows:
        if row.metric in (RETRIEVED, SHOWN, primary.get(row.split)) and (row.variant, row.split) in retrieving:
            found[row.variant, row.split][row.case, row.seed][row.metric] = row.value
    attributed = []
    for (variant, split), answers in found.items():
        with_evidence = [scores for scores in answers.values() if RETRIEVED in scores]
        counts: Counter[str] = Counter(
            cause(scores.get(primary[split]), retrieved=scores[RETRIEVED] == 1, shown=scores.get(SHOWN) == 1)
            for scores in with_evidence
        )
        attributed.append(Attribution(variant=variant, split=split, n=len(with_evidence), **counts))
    return attributed
