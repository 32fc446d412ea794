"""What `harness cache` says. Knows nothing of where what it shows comes from."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

Damaged = tuple[str, str, bool]  # where, why, and whether it was removed


class Entry(Protocol):
    """One folder of the cache: `bytes` of `files` files, `used` last at that second since the epoch."""

    @property
    def kind(self) -> str: ...  # noqa: D102 - the class says it
    @property
    def key(self) -> str: ...  # noqa: D102
    @property
    def state(self) -> str: ...  # noqa: D102
    @property
    def path(self) -> Path: ...  # noqa: D102
    @property
    def files(self) -> int: ...  # noqa: D102
    @property
    def bytes(self) -> int: ...  # noqa: D102
    @property
    def used(self) -> float: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102


def as_rows(found: Iterable[Entry]) -> list[dict[str, Any]]:
    """The entries as JSON has them; `used` in UTC."""
    return [
        {
            "kind": entry.kind,
            "key": entry.key,
            "state": str(entry.state),
            "path": str(entry.path),
            "files": entry.files,
            "bytes": entry.bytes,
            "used": datetime.fromtimestamp(entry.used, UTC).isoformat(timespec="seconds"),
        }
        for entry in found
    ]


def render_kinds(root: Path, found: Sequence[Entry], now: float) -> RenderableType:
    """One line a kind and state, and the total."""
    table = _table(("kind", "left"), ("number", "right"), ("size", "right"), ("last used", "right"))
    groups: dict[str, list[Entry]] = {}
    for entry in found:
        groups.setdefault(_label(entry), []).append(entry)
    for label, group in sorted(groups.items()):
        table.add_row(label, f"{len(group):,}", shown_size(_bytes(group)), _ago(now - max(e.used for e in group)))
    table.add_section()
    table.add_row(Text("total", style="bold"), f"{len(found):,}", Text(shown_size(_bytes(found)), style="bold"), "")
    return Group(_root(root), table)


def render_artifacts(root: Path, found: Sequence[Entry], now: float) -> RenderableType:
    """One line an artifact, the last used first."""
    table = _table(("artifact", "left"), ("files", "right"), ("size", "right"), ("last used", "right"))
    for entry in sorted(found, key=lambda entry: -entry.used):
        table.add_row(_short(entry), f"{entry.files:,}", shown_size(entry.bytes), _ago(now - entry.used))
    table.add_section()
    table.add_row(Text("total", style="bold"), f"{len(found):,}", Text(shown_size(_bytes(found)), style="bold"), "")
    return Group(_root(root), table)


def render_verified(root: Path, found: Sequence[Entry], damaged: Sequence[Damaged]) -> RenderableType:
    """Each damaged artifact by name, and how much was checked."""
    lines = [
        Text.assemble(("damaged", "bold red"), f" {name}: {reason}{', removed' if removed else ''}")
        for name, reason, removed in damaged
    ]
    verdict = f"{len(damaged):,} damaged" if damaged else "all intact"
    lines.append(Text(f"{root}: checked {len(found):,} artifacts, {shown_size(_bytes(found))}: {verdict}."))
    if damaged and not all(removed for *_, removed in damaged):
        lines.append(Text("A run builds what is damaged again when it needs it; --remove drops it now.", style="dim"))
    return Group(*lines)


def render_pruned(
    root: Path,
    gone: Sequence[Entry],
    kept: tuple[Sequence[Entry], Sequence[Entry]],
    left: int,
    limit: int | None,
    *,
    dry_run: bool,
) -> RenderableType:
    """What was removed, the least recently used first, what was `kept`, and what is left in bytes.

    The first of `kept` are in use, the second were paid for.
    """
    used, paid = kept
    lines = [Text(f"{entry.name}  {shown_size(entry.bytes)}", style="dim") for entry in gone]
    done = "would free" if dry_run else "freed"
    lines.append(
        Text(f"{root}: {done} {shown_size(_bytes(gone))} of {len(gone):,} artifacts; {shown_size(left)} left.")
    )
    if used:
        lines.append(Text(f"{len(used):,} stay, since running commands use or build them."))
    if paid:
        names = ", ".join(entry.name for entry in paid)
        told = f"{len(paid):,} stay ({shown_size(_bytes(paid))}), replies of a server that were paid for"
        lines.append(Text(f"{told}: {names}. Remove them, too, with --replies."))
    if limit is not None and left > limit:
        why = "in use or was paid for" if used and paid else "what was paid for" if paid else "in use"
        lines.append(Text(f"That is more than {shown_size(limit)}, but the rest is {why}.", style="yellow"))
    return Group(*lines)


def shown_size(count: int) -> str:
    """A number of bytes with three digits: 1.25 GB."""
    for power, unit in ((12, "TB"), (9, "GB"), (6, "MB"), (3, "kB")):
        if count >= 10**power:
            amount = count / 10**power
            return f"{amount:.{0 if amount >= 100 else 1 if amount >= 10 else 2}f} {unit}"
    return f"{count} B"


def _bytes(found: Iterable[Entry]) -> int:
    return sum(entry.bytes for entry in found)


def _label(entry: Entry) -> str:
    return entry.kind if entry.state in {"finished", "growing"} else f"{entry.kind}, {entry.state}"


def _short(entry: Entry) -> str:
    key = f"{entry.key[:16]}…"  # --json has all of it
    return key if entry.state in {"finished", "growing"} else f"{key}, {entry.state}"


def _ago(seconds: float) -> str:
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit} ago"
    return "just now"


def _root(root: Path) -> Text:
    return Text(f"{root}", style="bold", overflow="fold")


def _table(*columns: tuple[str, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, side in columns:
        table.add_column(name, justify="right" if side == "right" else "left", overflow="fold")
    return table
