"""What lies in a cache, whether it is intact, and what may go."""

import os
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from harness.errors import UnknownNameError
from harness.runs import Cache, artifact_key
from harness.runs.inventory import Entry, State, damages, entries, remove
from harness.runs.pruning import Limits, choose

DAY = 86_400


def write(content: str = "payload") -> Callable[[Path], None]:
    return lambda folder: (folder / "data.txt").write_text(content) and None


def fill(root: Path) -> None:
    """One thing of each state: two artifacts, a store, a checkpoint, and what a killed build left."""
    cache = Cache(root)
    cache.artifact("weights", {"seed": 0}, write("x" * 1_000))
    cache.artifact("predictions", {"seed": 0}, write("y" * 10))
    store = cache.folder("vectors", {})
    store.mkdir(parents=True)
    (store / f"{sha256(b'segment').hexdigest()}.npy").write_bytes(b"segment")
    checkpoint = cache.unfinished("weights", {"seed": 1})
    checkpoint.mkdir()
    (checkpoint / "checkpoint").write_text("z" * 100)
    killed = root / "weights" / f"{artifact_key('weights', {'seed': 2})}.building"
    (killed / "files").mkdir(parents=True)
    (killed / "files" / "half.txt").write_text("half")


def by_state(root: Path) -> dict[str, list[tuple[str, int]]]:
    states: dict[str, list[tuple[str, int]]] = {}
    for entry in entries(root):
        files = entry.bytes if entry.state is not State.FINISHED else 0  # a manifest's size depends on its seconds
        states.setdefault(entry.state, []).append((entry.kind, files))
    return states


def test_everything_is_listed(tmp_path: Path) -> None:
    """Artifacts, stores, checkpoints and what was abandoned are told apart; lock files are no part of it."""
    fill(tmp_path)
    assert by_state(tmp_path) == {
        "finished": [("predictions", 0), ("weights", 0)],
        "growing": [("vectors", 7)],
        "unfinished": [("weights", 100)],
        "abandoned": [("weights", 4)],
    }
    (weights,) = (entry for entry in entries(tmp_path, "weights") if entry.state is State.FINISHED)
    manifest = weights.path / "manifest.json"
    assert (weights.files, weights.bytes) == (2, 1_000 + manifest.stat().st_size)


def test_no_cache_is_an_empty_one(tmp_path: Path) -> None:
    """A folder that isn't there holds nothing; a kind that the cache hasn't got is an error that names those it has."""
    assert entries(tmp_path / "none") == []
    fill(tmp_path)
    with pytest.raises(UnknownNameError, match="Did you mean 'weights'"):
        entries(tmp_path, "weight")


def test_use_is_recorded(tmp_path: Path) -> None:
    """An artifact that is used again is the last used one, and still intact."""
    fill(tmp_path)
    for entry in entries(tmp_path):
        for path in (entry.path, *entry.path.rglob("*")):
            os.utime(path, (1_000, 1_000))
    assert {entry.used for entry in entries(tmp_path)} == {1_000}
    begun = time.time() - 1
    Cache(tmp_path).artifact("weights", {"seed": 0}, write())
    Cache(tmp_path).folder("vectors", {})
    used = {entry.kind for entry in entries(tmp_path) if entry.used >= begun}
    assert used == {"weights", "vectors"}
    assert Cache(tmp_path).find("weights", {"seed": 0}) is not None


@pytest.mark.parametrize(
    ("kind", "file", "reason"),
    [
        ("weights", "files/data.txt", "data.txt has other bytes than were written"),
        ("weights", "manifest.json", "manifest"),
        ("vectors", f"{sha256(b'segment').hexdigest()}.npy", "its content isn't what was written"),
    ],
)
def test_damage_is_found_and_removed(kind: str, file: str, reason: str, tmp_path: Path) -> None:
    """One flipped bit is found, and only what is damaged is removed."""
    fill(tmp_path)
    assert [damages(entry) for entry in entries(tmp_path)] == [[]] * 5
    (damaged,) = (e for e in entries(tmp_path, kind) if e.state in {State.FINISHED, State.GROWING})
    content = bytearray((damaged.path / file).read_bytes())
    content[len(content) // 2] ^= 1
    (damaged.path / file).write_bytes(content)
    found = {entry.path: damages(entry) for entry in entries(tmp_path)}
    ((path, told),) = found.pop(damaged.path)
    assert reason in told
    assert list(found.values()) == [[]] * 4
    (damaged,) = (e for e in entries(tmp_path, kind) if e.path == damaged.path)
    assert remove(damaged, [path])
    assert [damages(entry) for entry in entries(tmp_path)] == [[]] * (4 if kind == "weights" else 5)


def entry(name: str, used: float, size: int = 1, state: State = State.FINISHED) -> Entry:
    return Entry("weights", name, state, Path("/cache/weights") / name, 1, size, used)


OLD, RECENT, NEW = entry("old", 10 * DAY, 4), entry("recent", 20 * DAY, 2), entry("new", 30 * DAY, 8)
CHECKPOINT = entry("checkpoint", 30 * DAY, 5, State.UNFINISHED)
RUBBISH = entry("rubbish", 30 * DAY, 1, State.ABANDONED)
STORE = entry("store", 5 * DAY, 3, State.GROWING)
BUILDING = entry("building", 30 * DAY, 0, State.BUILDING)


@pytest.mark.parametrize(
    ("limits", "in_use_since", "gone"),
    [
        pytest.param(Limits(), None, [RUBBISH], id="nothing asked"),
        pytest.param(Limits(older_than=12 * DAY), None, [RUBBISH, STORE, OLD], id="age"),
        pytest.param(Limits(unfinished=True), None, [RUBBISH, CHECKPOINT], id="unfinished"),
        pytest.param(Limits(to=22), None, [RUBBISH], id="fits already"),
        pytest.param(Limits(to=18), None, [RUBBISH, STORE, OLD], id="size"),
        pytest.param(Limits(to=19), None, [RUBBISH, STORE], id="size to the byte"),
        pytest.param(Limits(older_than=28 * DAY, to=18), None, [RUBBISH, STORE, OLD], id="age and size"),
        pytest.param(Limits(everything=True), None, [RUBBISH, STORE, OLD, RECENT, CHECKPOINT, NEW], id="everything"),
        pytest.param(Limits(everything=True), 20 * DAY, [RUBBISH, STORE, OLD, CHECKPOINT], id="in use"),
        pytest.param(Limits(to=0), 10 * DAY, [RUBBISH, STORE, CHECKPOINT], id="size, in use"),
    ],
)
def test_what_goes(limits: Limits, in_use_since: float | None, gone: list[Entry]) -> None:
    """The least recently used go first, as many as it takes, and none that a living process may be reading."""
    found = [NEW, CHECKPOINT, OLD, RUBBISH, STORE, RECENT, BUILDING]
    assert choose(found, limits, now=30 * DAY, in_use_since=in_use_since).gone == gone


@pytest.mark.parametrize(
    ("limits", "in_use_since", "spared"),
    [
        pytest.param(Limits(everything=True), None, [BUILDING], id="everything"),
        pytest.param(Limits(everything=True), 20 * DAY, [RECENT, BUILDING, NEW], id="everything, in use"),
        pytest.param(Limits(older_than=12 * DAY), 1 * DAY, [STORE, OLD], id="age, in use"),
        pytest.param(Limits(to=22), 1 * DAY, [], id="fits already"),
        pytest.param(Limits(to=1), 1 * DAY, [STORE, OLD, RECENT, BUILDING, NEW], id="size, in use"),
        pytest.param(Limits(unfinished=True), 1 * DAY, [], id="unfinished"),
    ],
)
def test_what_is_spared(limits: Limits, in_use_since: float | None, spared: list[Entry]) -> None:
    """What would go but for a living process that uses or builds it is told apart."""
    found = [NEW, CHECKPOINT, OLD, RUBBISH, STORE, RECENT, BUILDING]
    assert choose(found, limits, now=30 * DAY, in_use_since=in_use_since).spared == spared
