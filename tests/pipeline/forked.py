"""Runs `harness` in real processes that start at once: each is forked from one that has only imported it.

As a script it is that process: a line of JSON on standard input is a command, with what shall happen to it.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

PRELOADED = (
    *("torch", "peft", "faiss", "pytrec_eval", "sentence_transformers", "transformers.models.llama.modeling_llama"),
    *("transformers.models.bert.modeling_bert", "harness.pipeline", "harness.reporting"),
)
HERE = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "COLUMNS": "200"}


@dataclass(frozen=True)
class Command:
    """`harness` with `arguments`, in `folder`, where its cache and its output lie too.

    `kill_at_write` is before which of its writes it kills itself, and within it where that is one of bytes.
    `interrupt_in` is the kind of artifact in whose build it gets SIGINT, or the file in whose writing it does; `stuck`
    says whether it hangs there in native code instead, with a child that hangs too, until somebody sends a signal.
    `patience` replaces that of the watchdog, in seconds.
    """

    folder: str
    arguments: tuple[str, ...]
    kill_at_write: int = 0
    interrupt_in: str = ""
    stuck: bool = False
    patience: float | None = None


@dataclass
class Forks:
    """The process that forks; a command is a child of it."""

    seed: str = "0"
    _server: Any = field(init=False)

    def __enter__(self) -> "Forks":
        self._server = subprocess.Popen(
            [sys.executable, str(Path(__file__))],
            env=os.environ | HERE | {"PYTHONHASHSEED": self.seed},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()

    def start(self, command: Command) -> int:
        """Begins `command`; returns the number of its process."""
        self._server.stdin.write(json.dumps(asdict(command)) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())

    def wait(self) -> int:
        """How the command ended: its exit code, or the signal that ended it as a negative number."""
        return int(self._server.stdout.readline())

    def run(self, command: Command) -> int:
        """The end of `command`."""
        self.start(command)
        return self.wait()


def _serve() -> None:
    """Forks a child for each line, and tells its number and how it ended."""
    for name in PRELOADED:
        importlib.import_module(name)
    from harness.cli import main

    for line in sys.stdin:
        command = Command(**json.loads(line))
        sys.stdout.flush()
        child = os.fork()
        if not child:
            _become(command, main)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become(command: Command, main: Callable[[], None]) -> None:
    """Runs `command` in this process, and ends it."""
    code = 1
    try:
        os.setsid()
        os.chdir(command.folder)
        os.environ["HARNESS_CACHE"] = str(Path("cache").absolute())
        sys.stdin.close()
        output = os.open("output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.argv = ["harness", *command.arguments]
        _arrange(command)
        main()
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _arrange(command: Command) -> None:
    """Sees to it that what shall happen to the command does."""
    import harness.commands.interrupt as interrupt
    from harness.runs import Cache
    from harness.weights.training import checkpoints

    checkpoints.SECONDS = 0.0  # one after every step
    if command.patience is not None:
        interrupt.PATIENCE = command.patience
    artifact = Cache.artifact

    def watched(self: Cache, kind: str, inputs: Any, build: Callable[[Path], None]) -> Any:
        def building(folder: Path) -> None:
            if kind == command.interrupt_in:
                _interrupt(command)
            build(folder)

        made = artifact(self, kind, inputs, building)
        if not made.reused:
            with open("built.txt", "a", encoding="utf-8") as file:
                file.write(f"{kind} {made.key}\n")
        return made

    Cache.artifact = watched  # type: ignore[method-assign]
    _count_writes(command)


def _interrupt(command: Command) -> None:
    if not command.stuck:
        os.kill(os.getpid(), signal.SIGINT)
        return
    import ctypes

    child = subprocess.Popen([sys.executable, "-c", "import time; print(flush=True); time.sleep(1000)"], stdout=-1)
    assert child.stdout
    child.stdout.readline()
    threading.Timer(0.2, _tell_stuck, [child.pid]).start()  # by then this thread is where it will stay
    library, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(256)
    for _ in range(2):  # whoever locks it twice waits for ever, and no signal handler of Python's runs meanwhile
        library.pthread_mutex_lock(mutex)


def _tell_stuck(child: int) -> None:
    os.symlink(str(child), "stuck")  # which is there at once, whole


def _count_writes(command: Command) -> None:
    """Counts what is written, renamed or waited for on the disk, and does to one of them what `command` says."""
    done = 0

    def count() -> bool:
        nonlocal done
        done += 1
        return done == command.kill_at_write

    def kill() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def counted(name: str) -> None:
        original = getattr(os, name)

        def called(*arguments: Any, **options: Any) -> Any:
            if count():
                kill()
            return original(*arguments, **options)

        setattr(os, name, called)

    for name in ("replace", "rename", "fsync"):
        counted(name)
    opened = Path.open

    def open_counted(self: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        file = opened(self, mode, *arguments, **options)
        if mode[0] not in "wax":
            return file
        if command.interrupt_in and f".{command.interrupt_in}." in self.name:
            _interrupt(command)
        return _Halfway(file, count, kill)

    Path.open = open_counted  # type: ignore[method-assign]


class _Halfway:
    """A file that may be killed half-way through a write."""

    def __init__(self, file: Any, count: Callable[[], bool], kill: Callable[[], None]) -> None:
        self._file, self._count, self._kill = file, count, kill

    def write(self, content: Any) -> Any:
        if self._count():
            self._file.write(content[: len(content) // 2])
            self._file.flush()
            self._kill()
        return self._file.write(content)

    def __enter__(self) -> "_Halfway":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


if __name__ == "__main__":
    _serve()
