"""What conclusions are drawn from: score tables, the metric that decides on each split, and what variants cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.comparison.records.comparison import SplitKind, SplitReference, VariantReference
from harness.comparison.records.money import Cost
from harness.comparison.statistics.bootstrap import MARGIN
from harness.comparison.table import ScoreTable, Tables


@dataclass(frozen=True)
class Evidence:
    """What is decided upon: score tables, each split's primary metric, and what the variants cost.

    Differences below `margin` (0 to 1) count as none.
    """

    tables: Tables
    primary: Mapping[str, str]
    splits: Sequence[SplitReference]
    variants: Sequence[VariantReference]
    costs: Mapping[str, Cost]
    margin: float = MARGIN

    def deciding(self) -> list[ScoreTable]:
        """The primary tables of the in-domain and shifted splits; of all splits if there are no such."""
        decide = [(s.name, self.primary.get(s.name, "")) for s in self.splits if s.kind != "retention"]
        return [self.tables[key] for key in decide if key in self.tables] or self.of_kind("retention")

    def of_kind(self, kind: SplitKind) -> list[ScoreTable]:
        """The primary tables of the splits of one kind."""
        keys = [(split.name, self.primary.get(split.name, "")) for split in self.splits if split.kind == kind]
        return [self.tables[key] for key in keys if key in self.tables]

    @property
    def seeds(self) -> int:
        """How many seeds were run."""
        tables = self.tables.values()
        return len({seed for table in tables for scores in table.scores.values() for seed in scores.seeds})
