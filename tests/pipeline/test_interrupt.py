"""Ctrl-C ends a run soon, whatever it is doing, leaves no process, and names the command that goes on from there."""

import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from forked import HERE, Command, Forks

from harness.commands.interrupt import interruptible

STAGES = ("passages", "index", "weights", "predictions", "latency", "scores.jsonl", "run.json")


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    """Where the interrupted commands come from."""
    with Forks() as server:
        yield server


@pytest.fixture
def arguments(suite: Path, tiny_base: Path) -> tuple[str, ...]:
    """A short run into a folder whose name has to be quoted."""
    variants = ("--variants", "base/rag-2,lora/zero-shot")
    return ("compare", str(suite), "--model", str(tiny_base), *variants, "--out", "my run")


def until(holds: Callable[[], bool]) -> None:
    """Waits for as long as it takes until something `holds`."""
    while not holds():
        time.sleep(0.005)


def stuck(forks: Forks, folder: Path, arguments: tuple[str, ...], **changes: float) -> tuple[int, psutil.Process]:
    """A command that hangs in native code while it predicts, and the child that it has."""
    process = forks.start(Command(str(folder), arguments, interrupt_in="predictions", stuck=True, **changes))
    until((folder / "stuck").is_symlink)
    return process, psutil.Process(int(os.readlink(folder / "stuck")))


def gone(process: psutil.Process) -> bool:
    """Whether the process has ended, though nobody may have asked yet how."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_interrupted_in_every_stage_the_same_command_goes_on(forks, arguments, tmp_path):
    """Each stage ends with code 130 and the command as it was typed; repeated as often, the run is finished."""
    typed = shlex.join(["harness", *arguments])
    assert "'my run'" in typed
    for place, stage in enumerate(STAGES, 1):
        assert forks.run(Command(str(tmp_path), arguments, interrupt_in=stage)) == 130
        shown = (tmp_path / "output.txt").read_text()
        assert (shown.count(typed), "Traceback" in shown) == (place, False)
    assert forks.run(Command(str(tmp_path), arguments)) == 0
    built = (tmp_path / "built.txt").read_text().splitlines()
    assert len(set(built)) == len(built)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"])
def test_native_code_does_not_keep_it_from_ending(forks, arguments, tmp_path, number, code):
    """Where no Python code runs the process is ended all the same, with its children, and says what goes on."""
    process, child = stuck(forks, tmp_path, arguments)
    os.kill(process, number)
    assert forks.wait() == code
    until(lambda: gone(child))
    assert shlex.join(["harness", *arguments]) in (tmp_path / "output.txt").read_text()


def test_a_second_signal_ends_it_at_once(forks, arguments, tmp_path):
    """Nobody has to wait for patience to end."""
    process, child = stuck(forks, tmp_path, arguments, patience=1_000_000.0)
    os.kill(process, signal.SIGINT)
    os.kill(process, signal.SIGTERM)  # two of a kind may become one before they are heard
    assert forks.wait() in (130, 143)
    until(lambda: gone(child))


def test_ctrl_c_in_a_terminal_while_libraries_load(arguments, tmp_path):
    """The key itself, in a terminal of its own, while the model libraries are being loaded."""
    code = "import sys; from harness.cli import main; main()"
    process, terminal = pty.fork()
    if not process:
        os.chdir(tmp_path)
        os.execve(sys.executable, [sys.executable, "-c", code, *arguments], os.environ | HERE)
    shown = b""
    while b"loading the libraries" not in shown:
        shown += os.read(terminal, 1024)
    os.write(terminal, b"\x03")
    try:
        while more := os.read(terminal, 1024):
            shown += more
    except OSError:  # the terminal is closed
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 130
    assert shlex.join(["harness", *arguments]) in shown.decode().replace("\r\n", "\n")


def test_no_child_outlives_it(tmp_path):
    """What it started and nobody ended goes with it, also where Python code ends by itself."""
    code = (
        "import os, signal, subprocess, sys, time; from harness.commands.interrupt import interruptible\n"
        "with interruptible(['harness', 'compare', 'a b']):\n"
        "    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'], stdout=-3, stderr=-3)\n"
        "    print(child.pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(1000)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (130, "harness compare 'a b'")
    until(lambda: not psutil.pid_exists(int(done.stdout)) or gone(psutil.Process(int(done.stdout))))


def test_what_is_ignored_stays_ignored_and_what_was_set_comes_back():
    """A command under nohup goes on, and after the context the handlers are those from before."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN), signal.getsignal(signal.SIGTERM)
    try:
        with interruptible(["harness"]):
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) != before[1]
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == (signal.SIG_IGN, before[1])
    finally:
        signal.signal(signal.SIGINT, before[0])


def test_errors_and_exits_pass_through(capsys):
    """What isn't an interruption is none of its business."""
    with pytest.raises(SystemExit) as ended, interruptible(["harness"]):
        sys.exit(2)
    assert ended.value.code == 2
    with pytest.raises(ValueError, match="broken"), interruptible(["harness"]):
        raise ValueError("broken")
    assert capsys.readouterr().err == ""
