"""Two runs side by side, for the terminal and as Markdown. Claims a change only where it is paired."""

from rich.console import Group, RenderableType
from rich.text import Text

from harness.comparison.phrases import listing, metric_label, points_interval, printable
from harness.comparison.statistics.bootstrap import Interval
from harness.reporting.columns import Column, signed
from harness.reporting.escape import code, prose, table
from harness.reporting.layout import Tables
from harness.reporting.two_runs import Both, TwoRuns, both, only, settings

_SAME = "Both runs have the same signature."


def side_by_side(runs: TwoRuns) -> Group:
    """Both verdicts, what differs in how they were made, and every mean that both have with its change."""
    parts: list[RenderableType] = []
    for name, comparison in zip(runs.names, (runs.first, runs.second), strict=True):
        parts.append(Text.assemble((printable(name), "bold"), f": {printable(comparison.decision.sentence)}\n"))
    different = settings(runs)
    parts += [Text(printable(f"{name}: {first} → {second}")) for name, first, second in different] or [Text(_SAME)]
    parts += [Text(printable(f"only in {run}: {what} {listing(names)}")) for run, what, names in only(runs)]
    found = both(runs)
    variants = _variants(found)
    columns = [
        Column(
            Text(printable(split).replace("_", "_\n")),
            [_cell(found.get((variant, split))) for variant in variants],
        )
        for split in _splits(found)
    ]
    if columns:
        names = Column(Text("variant"), [Text(printable(variant)) for variant in variants])
        parts += ["", Tables(names, columns), Text(_legend(runs), style="dim")]
    return Group(*parts)


def side_by_side_markdown(runs: TwoRuns) -> str:
    """The same as Markdown, ending in a line break."""
    verdicts = "\n".join(
        f"- {code(name)}: {prose(comparison.decision.sentence)}"
        for name, comparison in zip(runs.names, (runs.first, runs.second), strict=True)
    )
    different = [[code(name), code(first), code(second)] for name, first, second in settings(runs)]
    heading = ["", code(runs.names[0]), code(runs.names[1])]
    made = table(heading, different, names=3) if different else _SAME
    missing = [f"- Only in {code(run)}: {what} {listing(list(map(code, names)))}" for run, what, names in only(runs)]
    rows = [
        [code(split), code(variant), prose(metric_label(one.first.metric)), *_figures(one)]
        for (variant, split), one in both(runs).items()
    ]
    scores = table(["split", "variant", "metric", *heading[1:], "change", "p"], rows, names=3)
    parts = [
        f"# {code(runs.names[0])} and {code(runs.names[1])}",
        verdicts,
        f"## How they were made\n\n{made}",
        "\n".join(missing),
        f"## Scores\n\n{prose(_legend(runs))}\n\n{scores}" if rows else "",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _legend(runs: TwoRuns) -> str:
    opening = f"Percent in {printable(runs.names[0])} → {printable(runs.names[1])}, and the change in points"
    if not runs.changes:
        return f"{opening}. The cases are not the same, so that nothing can be said of how sure a change is."
    return (
        f"{opening}, paired by case with its 95% interval. ▲▼: significant after Holm's correction over the variants "
        "of a split; no interval: not the same cases."
    )


def _cell(found: Both | None) -> Text:
    if found is None:
        return Text("-", style="dim")
    text = Text(
        f"{_percent(found.first.mean)} → {_percent(found.second.mean)}\n{_mark(found)} {signed(_gap(found), 1)}"
    )
    if found.change:
        text.append(f"\n{signed(found.change.low, 0)} to {signed(found.change.high, 0)}", style="dim")
    return text


def _figures(found: Both) -> list[str]:
    means = [_percent(found.first.mean), _percent(found.second.mean)]
    if found.change is None:
        return [*means, f"{signed(_gap(found), 1)} points", "-"]
    gap = points_interval(Interval(found.change.value, found.change.low, found.change.high))
    return [*means, f"{gap} {_mark(found)}".strip(), f"{found.change.p_adjusted:.4f}"]


def _gap(found: Both) -> float:
    """The change: of the cases scored in both where it is paired, else of the means."""
    if found.change:
        return found.change.value
    return (found.second.mean or 0.0) - (found.first.mean or 0.0)


def _mark(found: Both) -> str:
    if found.change is None:
        return ""
    return "▲" if found.change.better else "▼" if found.change.worse else ""


def _percent(mean: float | None) -> str:
    return f"{100 * (mean or 0.0):.1f}"


def _variants(found: dict[tuple[str, str], Both]) -> list[str]:
    return list(dict.fromkeys(variant for variant, _ in found))


def _splits(found: dict[tuple[str, str], Both]) -> list[str]:
    return list(dict.fromkeys(split for _, split in found))
