"""The opening of the Markdown report: the verdict, what it was under, and what would change it."""

from harness.comparison import Comparison, RequirementCheck
from harness.comparison.verdict.reasons import figure
from harness.reporting.escape import code, prose, table


def opening(comparison: Comparison) -> str:
    """Title, sentence of verdict, constraints, the checks that led to it, and what it leaves open."""
    decision = comparison.decision
    parts = [
        f"# {code(comparison.suite.name)} on {code(comparison.base.model)}",
        f"**{prose(decision.sentence)}**",
        _constraints(comparison),
        _named("The checks that led to it", decision.reasons),
        _named("What would change the answer", decision.would_change),
        _named("What the data can't tell", decision.cannot_tell),
    ]
    return "\n\n".join(filter(None, parts))


def requirements(comparison: Comparison) -> str:
    """How every variant stands to what was required; "" where nothing was."""
    checks = comparison.decision.requirements
    if not checks:
        return ""
    asked = list(dict.fromkeys(check.requirement for check in checks))
    found = {(check.variant, check.requirement): check for check in checks}
    rows = [
        [code(variant.name), *(_outcome(found.get((variant.name, requirement))) for requirement in asked)]
        for variant in comparison.variants
    ]
    note = (
        "Met, or not, only where the whole 95% interval lies on one side of the limit; what has no interval is taken "
        "as it was measured."
    )
    return f"{note}\n\n{table(['variant', *map(code, asked)], rows, names=1 + len(asked))}"


def _constraints(comparison: Comparison) -> str:
    stated = comparison.decision.constraints
    if not stated:
        return "No constraints were stated."
    return f"Under these constraints:\n\n{_items(stated)}"


def _outcome(check: RequirementCheck | None) -> str:
    if check is None or check.value is None:
        return "cannot tell, not measured"
    return f"{check.outcome}: {figure(check)}"


def _named(name: str, texts: list[str]) -> str:
    return f"{name}:\n\n{_items(texts)}" if texts else ""


def _items(texts: list[str]) -> str:
    return "\n".join(f"- {prose(text)}" for text in texts)
