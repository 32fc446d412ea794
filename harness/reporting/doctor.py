"""What `harness doctor` shows: the findings by topic, and a block for a bug report. Looks at nothing itself."""

from collections.abc import Sequence
from itertools import groupby
from typing import Literal, Protocol

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness._secrets import anonymous
from harness.comparison.phrases import printable

_MARKS = {"fact": ("·", "dim"), "fine": ("✓", "green"), "lacking": ("○", "yellow"), "wrong": ("✗", "bold red")}
_LEGEND = "✓ fine   ○ lacking, something works without   ✗ wrong, a run needs it"


class Finding(Protocol):
    """One thing that was looked at; `lacking` leaves something out, `wrong` leaves no run possible."""

    @property
    def topic(self) -> str: ...  # noqa: D102 - the class says it
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def state(self) -> Literal["fact", "fine", "lacking", "wrong"]: ...  # noqa: D102
    @property
    def told(self) -> str: ...  # noqa: D102
    @property
    def remedy(self) -> str: ...  # noqa: D102


def render_doctor(findings: Sequence[Finding]) -> RenderableType:
    """One table for all topics, what to do below each finding, and the outcome in a sentence."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, max_width=24)
    table.add_column(overflow="fold", ratio=1)
    for topic, group in groupby(findings, key=lambda finding: finding.topic):
        table.add_row("", Text(topic, style="bold"), "")
        for finding in group:
            mark, style = _MARKS[finding.state]
            told = Text(printable(finding.told), style="" if finding.state != "fact" else "default")
            if finding.remedy:
                told.append(f"\n→ {printable(finding.remedy)}", style=style)
            table.add_row(Text(mark, style=style), Text(printable(finding.name)), told)
    return Group(table, "", Text(_LEGEND, style="dim"), outcome(findings))


def outcome(findings: Sequence[Finding]) -> Text:
    """Whether the harness can run here, in one sentence."""
    wrong = [finding.name for finding in findings if finding.state == "wrong"]
    if wrong:
        return Text(f"Can't run as asked: {', '.join(wrong)}.", style="bold red")
    return Text("harness compare can run here.", style="bold green")


def bug_report(findings: Sequence[Finding]) -> str:
    """All findings as Markdown to copy: without secrets, and without the names of user, machine and home folder."""
    lines = ["<details><summary>harness doctor</summary>", "", "```text"]
    for topic, group in groupby(findings, key=lambda finding: finding.topic):
        lines.append(f"{topic}:")
        for finding in group:
            mark = _MARKS[finding.state][0]
            lines.append(f"  {mark} {finding.name}: {printable(anonymous(finding.told)).replace('```', '` ` `')}")
    return "\n".join([*lines, "```", "", "</details>"])
