"""What changed from one run to another? Paired where both asked the same cases. Knows nothing of what the runs are.

Two trainings of one recipe differ by more than one change: what is found here is a change between two runs, seeds and
all, not the effect of what was meant to be changed.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from harness.comparison.records.rows import ScoreRow
from harness.comparison.statistics.bootstrap import MARGIN, differences
from harness.comparison.statistics.multiplicity import Judged, judge
from harness.comparison.table import ScoreTable, tabulate

_FIRST, _SECOND = "first ", "second "  # a name of a variant never begins so: it has no space

Changes = dict[tuple[str, str, str], Judged]


def changes(
    first: Iterable[ScoreRow],
    second: Iterable[ScoreRow],
    groups: Mapping[tuple[str, str], str] | None = None,
    *,
    margin: float = MARGIN,
) -> Changes:
    """The second run's mean minus the first one's, by (variant, split, metric), paired by case.

    Only where both runs have the same cases, scored or not, and one that is scored in both; seeds as for two variants
    of one run. All changes of one split and metric are one family for Holm's correction. `groups` as for `tabulate`.
    The caller vouches that cases of the same name are the same.
    """
    rows = [_renamed(row, run) for run, found in ((_FIRST, first), (_SECOND, second)) for row in found]
    asked: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for row in rows:
        asked[row.variant, row.split, row.metric].add(row.case)
    found: Changes = {}
    for (split, metric), table in tabulate(rows, groups).items():
        names = [
            variant
            for variant in _in_both(table)
            if asked[_FIRST + variant, split, metric] == asked[_SECOND + variant, split, metric]
            and _share_seeds(table, variant)
            and len(table.difference(_SECOND + variant, _FIRST + variant))
        ]
        samples = [(table.difference(_SECOND + variant, _FIRST + variant),) for variant in names]
        family = judge(differences(samples, margin=margin))
        found |= {(variant, split, metric): judged for variant, judged in zip(names, family, strict=True)}
    return found


def _renamed(row: ScoreRow, run: str) -> ScoreRow:
    return replace(row, variant=run + row.variant)


def _in_both(table: ScoreTable) -> list[str]:
    names = [variant.removeprefix(_FIRST) for variant in table.variants if variant.startswith(_FIRST)]
    return [name for name in names if _SECOND + name in table.variants]


def _share_seeds(table: ScoreTable, variant: str) -> bool:
    first, second = (set(table.scores[run + variant].seeds) for run in (_FIRST, _SECOND))
    return bool(first & second) or 1 in (len(first), len(second))
