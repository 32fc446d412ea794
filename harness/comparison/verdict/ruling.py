"""All that a decision rests on, in one place, for those that put it into words. Decides nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.comparison.evidence import Evidence
from harness.comparison.records.comparison import Cell
from harness.comparison.records.money import BreakEven
from harness.comparison.records.verdict import RequirementCheck
from harness.comparison.statistics.bootstrap import Interval
from harness.comparison.verdict.choice import Choice, keeps
from harness.comparison.verdict.constraints import Constraints
from harness.comparison.verdict.prices import Running


@dataclass(frozen=True)
class Ruling:
    """A choice, and what it was made of.

    `means` are the macro means of all variants that could be judged, `costs` what each variant costs to run, `months`
    what a month of the stated use costs with it (None: no use was stated).
    """

    evidence: Evidence
    cells: Sequence[Cell]
    constraints: Constraints
    checks: Sequence[RequirementCheck]
    means: Mapping[str, Interval]
    costs: Mapping[str, Running]
    months: Mapping[str, float] | None
    break_even: Sequence[BreakEven]
    choice: Choice

    def requirements(self) -> list[str]:
        """The requirements, in the user's words and order."""
        return list(dict.fromkeys(check.requirement for check in self.checks))

    def untold(self, variant: str) -> list[str]:
        """The requirements of which it can't be told whether `variant` meets them."""
        return [c.requirement for c in self.checks if c.variant == variant and c.outcome == "cannot tell"]

    def keepers(self) -> bool:
        """Whether those that stay are not shown to lose what the base knew; otherwise they lose least of it."""
        return any(keeps(variant, self.choice.kept) for variant in self.choice.staying)

    def unknown(self) -> list[str]:
        """Who can't be told from the best one though it could be recommended as well, the highest first."""
        choice = self.choice
        found = [v for v in choice.staying if v in choice.beside and not choice.beside[v].equal]
        return sorted((v for v in found if not choice.beside[v].worse), key=lambda v: -self.means[v].value)
