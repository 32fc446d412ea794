"""Live progress in the terminal: one line a task, with a bar, a count, a rate and an estimate. Knows no stage."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class _Rate(ProgressColumn):
    """Steps a second, as far as they were seen."""

    def render(self, task: Task) -> Text:
        """The rate of `task`; nothing before there is one."""
        return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="dim")


class TerminalProgress:
    """Shows tasks on `console` while the context is open; finished tasks stay as one line each, if `notes`."""

    def __init__(self, console: Console, *, notes: bool = True) -> None:
        """Nothing is drawn before the context is entered."""
        self._notes = notes
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            _Rate(),
            TimeElapsedColumn(),
            TextColumn("[dim]left"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            refresh_per_second=4,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    @contextmanager
    def task(self, description: str, total: int) -> Iterator[Callable[[int], None]]:
        """A bar of `total` steps; the context's value is told how many more are done."""
        bar = self._bars.add_task(escape(description), total=total)
        try:
            yield lambda steps: self._bars.advance(bar, steps)
        finally:
            done = self._bars.tasks[self._bars.task_ids.index(bar)]
            self._bars.remove_task(bar)
        elapsed = done.elapsed or 0.0
        rate = f", {done.completed / elapsed:,.0f} a second" if done.completed > 1 and elapsed else ""
        if self._notes:
            self._note(f"{description} ({elapsed:.1f} s{rate})")

    def _note(self, text: str) -> None:
        """One line above the bars that stays."""
        self._bars.console.print(f"[dim]✓[/] {escape(text)}", highlight=False)
