"""Where commands write: results to standard output, problems to standard error."""

import sys
from typing import NoReturn

from rich.console import Console
from rich.text import Text

from harness.comparison.phrases import printable

console = Console(emoji=False)
problems = Console(stderr=True, emoji=False)


def fail(message: str, code: int) -> NoReturn:
    """Ends the program with an error message, whose names may be hostile; raises SystemExit."""
    shown = "\n".join(printable(line) for line in message.split("\n"))
    problems.print(Text.assemble(("error:", "bold red"), " ", shown), soft_wrap=True)
    sys.exit(code)


def tell(label: str, value: object) -> None:
    """Writes one line of result, which stays whole however narrow the terminal is."""
    console.print(Text.assemble(f"{label}: ", (str(value), "bold")), soft_wrap=True)


def names(listed: str | None) -> tuple[str, ...]:
    """The names in a comma-separated list."""
    return tuple(name.strip() for name in (listed or "").split(",") if name.strip())
