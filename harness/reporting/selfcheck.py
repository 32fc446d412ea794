"""The self-check as a terminal page and as Markdown: what became of each sign, and by which figures. Judges nothing."""

from pathlib import Path

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.comparison import write_text
from harness.comparison.findings.signs import ClaimOutcome, Outcome, SelfCheck, SignOutcome
from harness.comparison.phrases import listing, p_value, points, points_interval, printable
from harness.comparison.statistics.bootstrap import Interval
from harness.reporting.escape import code, prose, table

SELFCHECK_PAGE = "selfcheck.md"
_COLOURS: dict[Outcome, str] = {"reproduced": "green", "not reproduced": "red", "cannot tell": "yellow"}
_LEGEND = (
    "Points with 95% intervals over cases and seeds, each by itself. By p after Holm's correction over all claims, one "
    "is reproduced where it is significant, and not where its opposite is or a tie is shown."
)


def render_selfcheck(check: SelfCheck) -> RenderableType:
    """One block a sign, its claims below it; reads well from 80 columns on, and without colour."""
    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    shown.add_column("sign", justify="right", no_wrap=True)
    shown.add_column("what is said", overflow="fold", ratio=1)
    shown.add_column("found", overflow="fold", max_width=26)
    shown.add_column("outcome", no_wrap=True)
    for sign in check.signs:
        shown.add_row(str(sign.number), Text(sign.says, style="bold"), "", _coloured(sign.outcome, "bold "))
        for claim in sign.claims:
            shown.add_row("", Text(f"- {claim.says}"), _found(claim), _coloured(claim.outcome))
    lines = [summary(check), _LEGEND, *(f"failed: {failure}" for failure in check.failures)]
    return Group(shown, *(Text(printable(line), style="dim" if line == _LEGEND else "") for line in lines))


def summary(check: SelfCheck) -> str:
    """All outcomes in one sentence: `Of 7 signs over 3 seeds, 4 (2, 3, 5 and 10) are reproduced, …`."""
    counted = []
    for outcome in _COLOURS:
        numbers = [str(sign.number) for sign in check.signs if sign.outcome == outcome]
        counted.append(f"{outcome}: {len(numbers)}" + (f" ({listing(numbers)})" if numbers else ""))
    seeds = f"{check.seeds} seeds" if check.seeds > 1 else "one seed"
    return f"{len(check.signs)} signs over {seeds}. {'; '.join(counted).capitalize()}."


def selfcheck_page(check: SelfCheck) -> str:
    """The self-check as Markdown: a table of the signs, then each with its claims, source and what it leaves open."""
    rows = [[str(sign.number), prose(sign.says), prose(sign.measured), f"**{sign.outcome}**"] for sign in check.signs]
    failed = [f"- {prose(failure)}" for failure in check.failures]
    runs = [[code(name), code(signature)] for name, signature in check.runs.items()]
    parts = [
        "# Self-check",
        prose(summary(check)),
        table(["sign", "what is said", "measured by the source", "here"], rows, names=4),
        prose(_LEGEND),
        *(["## Failed", "\n".join(failed)] if failed else []),
        *map(_section, check.signs),
        "## Runs",
        table(["run", "signature"], runs, names=2),
    ]
    return "\n\n".join(parts) + "\n"


def write_selfcheck(check: SelfCheck, folder: Path) -> Path:
    """Write `selfcheck.md` into `folder`."""
    return write_text(folder / SELFCHECK_PAGE, selfcheck_page(check))


def _section(sign: SignOutcome) -> str:
    rows = [
        [
            prose(claim.says),
            f"**{claim.outcome}**",
            _found(claim),
            f"above {points(claim.above)}",
            _p(claim),
            str(claim.cases),
            str(claim.seeds),
        ]
        for claim in sign.claims
    ]
    needed = "one of these is enough" if sign.any_claim else "all of these are needed"
    return "\n\n".join(
        [
            f"## {sign.number}. {prose(sign.says)}: {sign.outcome}",
            f"{prose(sign.source)}: {prose(sign.measured)}. Claims ({needed}):",
            table(["claim", "outcome", "found", "claimed", "p", "cases", "seeds"], rows, names=2),
            f"Left open: {prose(sign.untold)}",
        ]
    )


def _found(claim: ClaimOutcome) -> str:
    if claim.found is None:
        return "no scores"
    return points_interval(Interval(claim.found.value, claim.found.low, claim.found.high))


def _p(claim: ClaimOutcome) -> str:
    return "-" if claim.p_adjusted is None else prose(p_value(claim.p_adjusted))


def _coloured(outcome: Outcome, weight: str = "") -> Text:
    return Text(outcome, style=f"{weight}{_COLOURS[outcome]}")
