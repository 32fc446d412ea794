"""How the variants stand to what the user requires, as a table. Knows nothing of how it was checked."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.comparison import Comparison, RequirementCheck
from harness.comparison.verdict.reasons import figure


@dataclass(frozen=True)
class Check:
    """One requirement and one variant: `outcome` is met, not met, cannot tell or - where nothing was checked."""

    outcome: str
    value: str = ""


@dataclass(frozen=True)
class Requirements:
    """`rows` holds a variant with one check for each of `requirements`."""

    requirements: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Check]]]


def requirements(comparison: Comparison) -> Requirements:
    """All requirements that were checked, in the order in which they were stated; the recommended variant first."""
    checks = comparison.decision.requirements
    stated = list(dict.fromkeys(check.requirement for check in checks))
    found = {(check.variant, check.requirement): _check(check) for check in checks}
    variants = sorted(
        dict.fromkeys(check.variant for check in checks), key=lambda name: name != comparison.decision.recommended
    )
    return Requirements(stated, [(name, [found.get((name, one), Check("-")) for one in stated]) for name in variants])


def _check(check: RequirementCheck) -> Check:
    return Check(check.outcome, figure(check) if check.value is not None else "")
