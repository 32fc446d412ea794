"""The verdict for the terminal: the sentence, what it was under, and what it leaves open. Decides nothing."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from harness.comparison import Decision
from harness.comparison.phrases import listing, printable

_NAMED = 6  # variants that are named of those that meet a requirement


def verdict_panel(decision: Decision) -> Panel:
    """The sentence of verdict, then constraints, reasons, what would change the answer and what can't be told."""
    parts: list[RenderableType] = [Text(printable(decision.sentence), style="bold")]
    for heading, texts in (
        ("", decision.reasons),
        ("Under these constraints", _constraints(decision)),
        ("What would change the answer", decision.would_change),
        ("What the data can't tell", decision.cannot_tell),
    ):
        if texts:
            parts += ["", *([Text(heading, style="bold dim")] if heading else []), _items(texts)]
    return Panel(Group(*parts), title="Verdict")


def _constraints(decision: Decision) -> list[str]:
    """What was stated; each requirement with those that meet it, those that may, and how many don't."""
    told = {check.requirement: _standing(decision, check.requirement) for check in decision.requirements}
    return [*(text for text in decision.constraints if text not in told), *told.values()]


def _standing(decision: Decision, requirement: str) -> str:
    by: dict[str, list[str]] = {"met": [], "cannot tell": [], "not met": []}
    for check in decision.requirements:
        if check.requirement == requirement:
            by[check.outcome].append(check.variant)
    return (
        f"{requirement}: met by {_some(by['met'])}; can't be told of {_some(by['cannot tell'])}; not met by "
        f"{len(by['not met'])}"
    )


def _some(names: Sequence[str]) -> str:
    if not names:
        return "none"
    return listing(names) if len(names) <= _NAMED else f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"


def _items(texts: Sequence[str]) -> Table:
    items = Table.grid(padding=(0, 1))
    for text in texts:
        items.add_row("-", Text(printable(text)))
    return items
