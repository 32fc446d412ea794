"""Real processes at one cache: they build, wait, die, and find what they use still there."""

import errno
import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import pytest

from harness.errors import CacheError
from harness.runs import JSON, Cache
from harness.runs.inventory import State, damages, entries, remove, sweep_locks
from harness.runs.living import oldest_began
from harness.runs.locks import locked, try_lock
from harness.runs.pruning import Limits, choose

INPUTS: dict[str, JSON] = {"seed": 0}
SPAWN = multiprocessing.get_context("spawn")

pytestmark = pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of POSIX")


@contextmanager
def living(target: Callable[..., None], *args: Any) -> Iterator[BaseProcess]:
    """A process that runs `target(*args, there)` and has set `there`; it is killed when the context ends."""
    there = SPAWN.Event()
    process = SPAWN.Process(target=target, args=(*args, there))
    process.start()
    try:
        assert there.wait(60)
        yield process
    finally:
        assert process.pid is not None
        process.kill()
        process.join()


def run(target: Callable[..., None], *args: Any) -> None:
    """Runs `target` in a process that has ended when this returns."""
    process = SPAWN.Process(target=target, args=args)
    process.start()
    process.join(60)
    assert process.exitcode == 0


def write(folder: Path) -> None:
    (folder / "data.txt").write_text("payload")


def fill(root: Path) -> None:
    Cache(root).artifact("weights", INPUTS, write)
    Cache(root).artifact("index", INPUTS, write)
    for entry in entries(root):
        for path in (entry.path, *entry.path.rglob("*")):
            os.utime(path, (1_000, 1_000))


def use(root: Path, there: Event) -> None:
    Cache(root).artifact("weights", INPUTS, write)
    there.set()
    time.sleep(600)


def build_for_ever(root: Path, there: Event) -> None:
    cache = Cache(root)

    def build(folder: Path) -> None:
        cache.unfinished("weights", INPUTS).mkdir()
        (cache.unfinished("weights", INPUTS) / "step").write_text("half")
        (folder / "half.txt").write_text("half")
        there.set()
        time.sleep(600)

    cache.artifact("weights", INPUTS, build)


def go_on(root: Path, log: Path, waits: Event) -> None:
    cache = Cache(root)

    class Waits(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            with log.open("a") as file:
                file.write(record.getMessage() + "\n")
            waits.set()

    def build(folder: Path) -> None:
        (folder / "data.txt").write_text((cache.unfinished("weights", INPUTS) / "step").read_text())

    logging.getLogger("harness").setLevel(logging.INFO)
    logging.getLogger("harness").addHandler(Waits())
    cache.artifact("weights", INPUTS, build)


def prune_all(root: Path) -> set[tuple[str, State]]:
    """Kind and state of what went."""
    in_use_since = oldest_began(root)
    chosen = choose(entries(root), Limits(everything=True), now=time.time(), in_use_since=in_use_since)
    return {(entry.kind, entry.state) for entry in chosen.gone if remove(entry)}


def test_a_killed_builder_is_taken_over(tmp_path: Path) -> None:
    """Who waits for a build whose process is killed says so once, builds from its checkpoint, and leaves no rubbish."""
    root, log = tmp_path / "cache", tmp_path / "log"
    with living(build_for_ever, root) as holder, living(go_on, root, log) as waiter:
        assert list(root.glob("weights/*.building/files/half.txt"))
        assert holder.pid is not None
        os.kill(holder.pid, signal.SIGKILL)
        waiter.join(60)
        assert waiter.exitcode == 0
    assert log.read_text().count("another process is building this; waiting for it") == 1
    (artifact,) = entries(root)
    assert (artifact.state, damages(artifact)) == (State.FINISHED, [])
    assert (artifact.path / "files" / "data.txt").read_text() == "half"


def test_what_a_living_process_uses_stays(tmp_path: Path) -> None:
    """What a process was given stays as long as it lives, even if it is killed then; what none asked for goes."""
    run(fill, tmp_path)
    with living(use, tmp_path):
        assert prune_all(tmp_path) == {("index", State.FINISHED)}
    assert prune_all(tmp_path) == {("weights", State.FINISHED)}
    assert list((tmp_path / ".running").iterdir()) == []


def test_a_process_that_ends_leaves_no_mark(tmp_path: Path) -> None:
    """A process that ends by itself takes its mark away."""
    run(fill, tmp_path)
    assert list((tmp_path / ".running").iterdir()) == []
    assert oldest_began(tmp_path) is None


def test_what_a_living_process_builds_stays(tmp_path: Path) -> None:
    """Neither the build nor the checkpoint of a living process goes; when it was killed both do, and the lock file."""
    both = {("weights", State.ABANDONED), ("weights", State.UNFINISHED)}
    with living(build_for_ever, tmp_path):
        assert prune_all(tmp_path) == set()
        assert {(entry.kind, entry.state) for entry in entries(tmp_path)} == {("weights", State.BUILDING)}
    assert prune_all(tmp_path) == both
    assert list((tmp_path / "weights").iterdir()) == []


def test_lock_files_of_nothing_are_swept(tmp_path: Path) -> None:
    """A lock file without an artifact goes, unless it is held; one of an artifact stays."""
    run(fill, tmp_path)
    held, free = (tmp_path / "weights" / name for name in ("f" * 64, "e" * 64))
    (tmp_path / "weights" / f"{free.name}.lock").touch()
    lock = try_lock(held)
    assert lock is not None
    sweep_locks(tmp_path)
    assert sorted(path.name[0] for path in (tmp_path / "weights").glob("[ef]*.lock")) == ["f"]
    lock.release()
    assert len(list((tmp_path / "index").glob("*.lock"))) == 1


@pytest.mark.parametrize("number", ["ENOLCK", "ENOSYS", "EOPNOTSUPP"])
def test_file_system_without_locks(number: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system can't lock, a marker file excludes others, also beside an old lock file, and is taken away."""
    import fcntl

    def missing(*arguments: object) -> None:
        raise OSError(getattr(errno, number), "no locks here")

    run(fill, tmp_path)
    monkeypatch.setattr(fcntl, "flock", missing)
    (place,) = (entry.place for entry in entries(tmp_path, "weights"))
    lock = try_lock(place)
    assert lock is not None
    assert try_lock(place) is None
    lock.release()
    (place / "files" / "data.txt").write_text("damaged")
    assert not Cache(tmp_path).artifact("weights", INPUTS, write).reused
    assert sorted(path.name for path in place.parent.iterdir()) == [place.name, f"{place.name}.lock"]


def hold_marker(place: Path, there: Event) -> None:
    import fcntl

    fcntl.flock = without_locks
    held = try_lock(place)
    assert held is not None
    there.set()
    time.sleep(600)


def without_locks(*arguments: object) -> None:
    raise OSError(errno.ENOLCK, "no locks here")


def test_marker_of_a_killed_process_is_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The marker that stands for a lock excludes others while its process lives, and not once that was killed."""
    monkeypatch.setattr("fcntl.flock", without_locks)
    with living(hold_marker, tmp_path / "place"):
        assert try_lock(tmp_path / "place") is None
    with locked(tmp_path / "place"):
        assert (tmp_path / "place.softlock").exists()
    assert not (tmp_path / "place.softlock").exists()


def test_an_artifact_that_is_removed_under_a_build(tmp_path: Path) -> None:
    """A build that reads an artifact which somebody removed by hand ends with one clear error; the next one works."""
    cache = Cache(tmp_path)
    index = cache.artifact("index", INPUTS, write)

    def build(folder: Path) -> None:
        for entry in entries(tmp_path, "index"):
            remove(entry)
        (folder / "copy.txt").write_text((index.path / "data.txt").read_text())

    with pytest.raises(CacheError, match=r"index.*is gone from the cache.*Repeat the command"):
        cache.artifact("weights", INPUTS, build)
    assert [entry.name for entry in entries(tmp_path)] == []
    assert not cache.artifact("index", INPUTS, write).reused
