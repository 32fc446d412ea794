"""Ctrl-C, SIGTERM or a closed terminal stop a command within two seconds; no process stays, and it says what goes on.

The first signal raises KeyboardInterrupt, so that what is open is closed. Native code may keep that from happening for
minutes, so a thread that the signal itself wakes, and not the interpreter, waits a moment and then ends the process and
all that it started. That loses nothing: caches and run folders are whole after any crash. A second signal ends it at
once. Knows nothing of what the command does.
"""

import atexit
import os
import shlex
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from rich.text import Text

from harness.commands.console import problems
from harness.comparison.phrases import printable

if TYPE_CHECKING:
    import psutil

PATIENCE = 1.2  # seconds from the signal to the end, whatever the process is doing; the system takes its time too
_SIGNALS = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))
_SHOW_CURSOR = "\x1b[?25h"  # progress bars hide it


def as_typed() -> list[str]:
    """The command of this process as it was typed, its program called `harness`."""
    return ["harness", *sys.argv[1:]]


@contextmanager
def interruptible(command: Sequence[str]) -> Iterator[None]:
    """Ends the process on Ctrl-C, SIGTERM or SIGHUP inside the context, and names `command` as what goes on from there.

    Raises SystemExit with code 130 (SIGTERM: 143, SIGHUP: 129). A signal that the process was told to ignore stays
    ignored, and outside the main thread, where signals can't be handled, nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    watchdog = _Watchdog(command)
    watchdog.arm()
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as error:
        if isinstance(error, SystemExit) and watchdog.received is None:
            raise  # it ends for a reason of its own
        watchdog.say(lambda: problems.print(Text(watchdog.message), soft_wrap=True))
        sys.exit(_code(watchdog.received or signal.SIGINT))
    finally:
        watchdog.disarm()


class _Watchdog:
    """Hears signals in a thread of its own, and ends the process where it doesn't end by itself."""

    def __init__(self, command: Sequence[str]) -> None:
        typed = printable(shlex.join(command))
        launched = os.environ.get("WORLD_SIZE", "1") not in ("", "0", "1")
        how = ", started by the same launcher," if launched else ""
        self.message = f"Interrupted. What was finished is kept, and this{how} goes on from there:\n{typed}"
        self.received: int | None = None
        self._raised = self._said = self._armed = False
        self._before: dict[int, Any] = {}

    def arm(self) -> None:
        """Takes over the signals that aren't ignored."""
        import psutil

        self._process = psutil.Process()
        self._heard, self._told = socket.socketpair()
        self._told.setblocking(False)
        self._wakeup = signal.set_wakeup_fd(self._told.fileno(), warn_on_full_buffer=False)
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._raise)
        atexit.register(self._finish)  # before what is started registers its own end, so that it runs after that
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._let_go)
        self._armed = True
        threading.Thread(target=self._watch, name="interrupt", daemon=True).start()

    def disarm(self) -> None:
        """Gives the signals back, unless one has come: then the watch goes on until the process has ended."""
        if self.received is not None:
            return
        self._armed = False
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._told.close()  # which ends the thread
        atexit.unregister(self._finish)

    def say(self, tell: Callable[[], None]) -> None:
        """Lets `tell` show the message, which is shown once."""
        if not self._said:
            self._said = True
            tell()

    def _raise(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        if not self._raised:
            self._raised = True
            raise KeyboardInterrupt

    def _let_go(self) -> None:
        """In a forked child: its signals are its own."""
        if self._armed and threading.current_thread() is threading.main_thread():
            signal.set_wakeup_fd(-1)
            for number in self._before:
                signal.signal(number, signal.SIG_DFL)

    def _watch(self) -> None:
        """Waits for a signal; then for a second one, or until patience ends."""
        with self._heard:
            number = self._hear(None)
            if number is not None:
                self.received = number
                self._hear(PATIENCE)
                self._end(number)

    def _hear(self, seconds: float | None) -> int | None:
        """The next signal that ends the process; None after as many `seconds`, or when no more can come."""
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            self._heard.settimeout(None if until is None else max(0.001, until - time.monotonic()))
            try:
                heard = self._heard.recv(1)
            except TimeoutError:
                return None
            if not heard or heard[0] in self._before:
                return heard[0] if heard else None

    def _finish(self) -> None:
        """Ends an interrupted process when all others have closed what is theirs: libraries take seconds to unload."""
        if self.received is None:
            return
        self._each_child(lambda child: child.terminate())
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(_code(self.received))

    def _each_child(self, end: "Callable[[psutil.Process], None]") -> None:
        with suppress(Exception):  # whatever is wrong with the list of processes, this one ends
            for child in self._process.children(recursive=True):
                with suppress(Exception):
                    end(child)

    def _end(self, number: int) -> NoReturn:
        """Ends the process and all that it started, and says so."""
        self._each_child(lambda child: child.kill())
        with suppress(OSError):
            if sys.stderr.isatty():
                os.write(2, f"\r\n{_SHOW_CURSOR}".encode())
            self.say(lambda: _write(f"{self.message}\n"))
        os._exit(_code(number))


def _write(text: str) -> None:
    """Writes to standard error past all that the main thread may hold."""
    os.write(2, text.encode("utf-8", "replace"))


def _code(number: int) -> int:
    """The exit code that shells give a process that the signal of that number has ended."""
    return 128 + number
