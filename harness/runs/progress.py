"""How work tells what it does: one task at a time, with as many steps as it will take. Knows no terminal."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

Advance = Callable[[int], None]


class Progress(Protocol):
    """Where long steps are shown."""

    def task(self, description: str, total: int) -> AbstractContextManager[Advance]:
        """Begins a task of `total` steps; the context's value is told how many more are done."""


class Silent:
    """Shows nothing."""

    def task(self, description: str, total: int) -> AbstractContextManager[Advance]:
        """A task that nobody watches."""
        return nullcontext(lambda steps: None)
