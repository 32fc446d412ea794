"""Where commands write: results to standard output, problems to standard error."""

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

from rich.console import Console
from rich.logging import RichHandler
from rich.text import Text

from harness.comparison.phrases import printable
from harness.errors import InputError

HARNESS = "harness"  # the logger of all stages


class _Piped(Console):
    """A console whose reader may go away, as `head` does: that is no result, least of all a regression."""

    def on_broken_pipe(self) -> None:
        """Ends the program with the code that shells give for a broken pipe."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141)


console = _Piped(emoji=False)
problems = Console(stderr=True, emoji=False)


def fail(message: str, code: int) -> NoReturn:
    """Ends the program with an error message, whose names may be hostile; raises SystemExit."""
    shown = "\n".join(printable(line) for line in message.split("\n"))
    problems.print(Text.assemble(("error:", "bold red"), " ", shown), soft_wrap=True)
    sys.exit(code)


def warn(message: str) -> None:
    """Writes a warning, whose names may be hostile."""
    shown = "\n".join(printable(line) for line in message.split("\n"))
    problems.print(Text.assemble(("warning:", "bold yellow"), " ", shown), soft_wrap=True)


def show_warnings() -> None:
    """Lets what the stages log, such as a damaged artifact that is built again, appear on standard error."""
    logger = logging.getLogger(HARNESS)
    logger.handlers = [RichHandler(console=problems, show_time=False, show_path=False)]
    logger.setLevel(logging.INFO)


@contextmanager
def listening(verbose: bool) -> Iterator[None]:
    """Inside, if `verbose`, all that the harness logs appears on standard error, and what libraries warn of."""
    harness, root = logging.getLogger(HARNESS), logging.getLogger()
    shown, level = harness.handlers, harness.level
    handler = RichHandler(console=problems, show_path=False, log_time_format="[%X]")
    libraries = RichHandler(console=problems, show_path=False, log_time_format="[%X]", level=logging.WARNING)
    libraries.addFilter(lambda record: record.name.partition(".")[0] != HARNESS)
    if verbose:
        harness.handlers = [handler]
        harness.setLevel(logging.DEBUG)
        root.addHandler(libraries)
    try:
        yield
    finally:
        root.removeHandler(libraries)
        harness.handlers = shown
        harness.setLevel(level)


def tell(label: str, value: object) -> None:
    """Writes one line of result, which stays whole however narrow the terminal is."""
    console.print(Text.assemble(f"{label}: ", (str(value), "bold")), soft_wrap=True)


def given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a command's parameters that were given, as the settings that they are named after.

    `server__url` is the setting `url` of the section `server`.
    """
    found: dict[str, Any] = {}
    for name, value in parameters.items():
        section, _, key = name.rpartition("__")
        if value not in (None, (), []):
            (found.setdefault(section, {}) if section else found)[key] = value
    return found


def pairs(listed: str | None, option: str) -> dict[str, str] | None:
    """The names with their values in a comma-separated list of NAME=VALUE; None for none. Raises InputError."""
    found: dict[str, str] = {}
    for one in names(listed):
        name, equals, value = one.partition("=")
        if not (name and equals and value):
            raise InputError(f"{option} {one}: is no NAME=VALUE, so it can't be told what is called what.")
        if name in found:
            raise InputError(f"{option}: {name} is named twice. Give each name one value.")
        found[name] = value
    return found or None


def names(listed: str | None) -> tuple[str, ...]:
    """The names in a comma-separated list."""
    return tuple(name.strip() for name in (listed or "").split(",") if name.strip())
