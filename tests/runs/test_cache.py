import errno
import json
import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import CacheError, InputError
from harness.runs import JSON, Artifact, Cache, artifact_key, default_cache_root, file_hash, folder_hash
from harness.runs import artifacts as artifacts_module
from harness.runs import manifest as manifest_module
from harness.runs import storage as storage_module
from harness.runs.manifest import read_manifest

INPUTS: dict[str, JSON] = {"base": "abc", "recipe": {"rank": 8, "targets": ["q", "v"]}, "seed": 0, "dtype": "float32"}


def write(content: str = "payload") -> Callable[[Path], None]:
    def build(folder: Path) -> None:
        (folder / "sub").mkdir()
        (folder / "sub" / "data.txt").write_text(content)
        (folder / "other.txt").write_text("other")

    return build


def never(folder: Path) -> None:
    raise AssertionError("built although it was there")


def leftovers(root: Path) -> list[str]:
    """Whatever lies in the cache beside finished artifacts; the (empty) lock files stay, as filelock advises."""
    return [p.name for p in root.glob("*/*") if p.suffix != ".lock" and not (p / "manifest.json").is_file()]


def test_built_once(tmp_path: Path) -> None:
    """The second request for the same inputs gets the first one's files, hash, size and build time."""
    first = Cache(tmp_path).artifact("weights", INPUTS, write())
    second = Cache(tmp_path).artifact("weights", INPUTS, never)
    assert (first.reused, second.reused) == (False, True)
    assert second == Artifact(first.path, first.key, first.hash, True, first.seconds, first.bytes)
    assert (second.path / "sub" / "data.txt").read_text() == "payload"
    assert second.bytes == len("payload") + len("other")
    assert second.hash == folder_hash(second.path)


def test_build_time_is_remembered(tmp_path: Path) -> None:
    """`seconds` is the time that the build took, also when the artifact is reused."""
    built = Cache(tmp_path).artifact("weights", INPUTS, lambda folder: (time.sleep(0.05), write()(folder))[1])
    assert 0.05 <= built.seconds < 5
    assert Cache(tmp_path).artifact("weights", INPUTS, never).seconds == built.seconds


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("index", {}),
        ("weights", {"base": "abd"}),
        ("weights", {"recipe": {"rank": 9, "targets": ["q", "v"]}}),
        ("weights", {"recipe": {"rank": 8, "targets": ["v", "q"]}}),
        ("weights", {"seed": 1}),
        ("weights", {"seed": None}),
        ("weights", {"dtype": "bfloat16"}),
        ("weights", {"added": False}),
    ],
)
def test_every_input_counts(kind: str, change: dict[str, JSON]) -> None:
    """Changing the kind or any single input changes the key."""
    assert artifact_key(kind, {**INPUTS, **change}) != artifact_key("weights", INPUTS)


def test_key_is_stable_between_processes() -> None:
    """The key depends on nothing but kind and inputs: it is the same as ever."""
    # printf '{"inputs":{"seed":0},"kind":"weights"}' | sha256sum
    assert artifact_key("weights", {"seed": 0}) == "55a0ea2f53c7f55d689162dabc85551b7073b180c333d9f998ca06b39470058c"


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "flipped byte": lambda folder: flip(folder / "files" / "sub" / "data.txt"),
    "torn file": lambda folder: (folder / "files" / "other.txt").write_text("oth"),
    "missing file": lambda folder: (folder / "files" / "other.txt").unlink(),
    "added file": lambda folder: (folder / "files" / "extra.txt").touch(),
    "missing manifest": lambda folder: (folder / "manifest.json").unlink(),
    "torn manifest": lambda folder: (folder / "manifest.json").write_text("{"),
    "altered manifest": lambda folder: (folder / "manifest.json").write_text(
        json.dumps({**json.loads((folder / "manifest.json").read_text()), "seconds": 9})
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damage_is_noticed(damage: Callable[[Path], object], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A damaged artifact isn't found, is named once in a warning, and is built again whole."""
    cache = Cache(tmp_path)
    built = cache.artifact("weights", INPUTS, write())
    damage(built.path.parent)
    assert cache.find("weights", INPUTS) is None
    with caplog.at_level(logging.WARNING):
        again = cache.artifact("weights", INPUTS, write())
    assert (again.reused, again.hash) == (False, built.hash)
    assert [built.key in record.getMessage() for record in caplog.records] == [True]
    assert cache.artifact("weights", INPUTS, never).reused


def test_artifact_of_another_key(tmp_path: Path) -> None:
    """An intact artifact that was moved to another key is not taken for that key's."""
    cache = Cache(tmp_path)
    built = cache.artifact("weights", INPUTS, write("other content"))
    other = {**INPUTS, "seed": 1}
    built.path.parent.rename(built.path.parent.with_name(artifact_key("weights", other)))
    assert cache.find("weights", other) is None


@pytest.mark.parametrize("error", [RuntimeError("diverged"), KeyboardInterrupt(), FileNotFoundError(2, "no", "x")])
def test_failed_build(error: BaseException, tmp_path: Path) -> None:
    """A build that raises or is interrupted leaves nothing behind, its error arrives unchanged, and the next builds."""

    def fail(folder: Path) -> None:
        write()(folder)
        raise error

    with pytest.raises(type(error)) as caught:
        Cache(tmp_path).artifact("weights", INPUTS, fail)
    assert caught.value is error
    assert leftovers(tmp_path) == []
    assert not Cache(tmp_path).artifact("weights", INPUTS, write()).reused


def test_empty_build(tmp_path: Path) -> None:
    """A build that writes nothing is an error: reusing it later would silently be no treatment."""
    with pytest.raises(CacheError, match="wrote no file"):
        Cache(tmp_path).artifact("weights", INPUTS, lambda folder: None)
    assert leftovers(tmp_path) == []


class NativeError(Exception):
    """Like safetensors' and FAISS's errors: no OSError, the cause is only in the text."""


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), NativeError(f"I/O error: {os.strerror(errno.ENOSPC)} (28)")],
    ids=["python", "native"],
)
def test_disk_full_in_build(error: Exception, tmp_path: Path) -> None:
    """A disk that fills up during a build is a CacheError with place, free space and remedy; nothing is left behind."""

    def fail(folder: Path) -> None:
        write()(folder)
        raise error

    with pytest.raises(CacheError, match=r"No space left.*MB that are free.*HARNESS_CACHE") as caught:
        Cache(tmp_path).artifact("weights", INPUTS, fail)
    assert str(tmp_path) in str(caught.value)
    assert "weights" in str(caught.value)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_storage_fails_after_build(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails when the manifest is flushed leaves nothing that looks finished; older artifacts stay."""
    cache = Cache(tmp_path)
    cache.artifact("weights", {"seed": 7}, write())

    def fail(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(storage_module.os, "fsync", fail)
        with pytest.raises(CacheError, match=os.strerror(number)):
            cache.artifact("weights", INPUTS, write())
        assert cache.artifact("weights", {"seed": 7}, never).reused
    assert leftovers(tmp_path) == []
    assert cache.find("weights", INPUTS) is None


def test_root_that_is_a_file(tmp_path: Path) -> None:
    """A cache root that is no folder is a CacheError that names the remedy."""
    (tmp_path / "file").touch()
    with pytest.raises(CacheError, match="HARNESS_CACHE"):
        Cache(tmp_path / "file").artifact("weights", INPUTS, write())


def test_unreadable_input_is_not_blamed_on_the_cache(tmp_path: Path) -> None:
    """A build that may not read a file elsewhere fails with that error, not with one about the cache."""

    def fail(folder: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "model" / "weights.bin"))

    with pytest.raises(PermissionError):
        Cache(tmp_path / "cache").artifact("weights", INPUTS, fail)


def test_read_only_cache_serves_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An artifact that is there is handed on without writing anything, not even a lock."""
    cache = Cache(tmp_path)
    cache.artifact("weights", INPUTS, write())

    def fail(*arguments: object, **options: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(tmp_path))

    for name in ("mkdir", "rename", "replace", "touch"):
        monkeypatch.setattr(Path, name, fail)
    for path in tmp_path.rglob("*.lock"):
        path.unlink()
    assert cache.artifact("weights", INPUTS, never).reused
    assert list(tmp_path.rglob("*.lock")) == []


def build_slowly(root: Path, log: Path, seconds: float) -> None:
    def build(folder: Path) -> None:
        with log.open("a") as file:
            file.write("built\n")
        (folder / "half.txt").write_text("half")
        time.sleep(seconds)
        write()(folder)

    Cache(root).artifact("weights", INPUTS, build)


@pytest.mark.parametrize("error", [RuntimeError("cut off"), KeyboardInterrupt()])
def test_what_is_unfinished_outlives_a_failed_build(error: BaseException, tmp_path: Path) -> None:
    """A build finds what the one before it, that failed or was interrupted, left in the folder for that."""
    cache = Cache(tmp_path)

    def fail(folder: Path) -> None:
        write()(folder)
        unfinished = cache.unfinished("weights", INPUTS)
        unfinished.mkdir()
        (unfinished / "checkpoint").write_text("half")
        raise error

    with pytest.raises(type(error)):
        cache.artifact("weights", INPUTS, fail)
    assert leftovers(tmp_path) == [cache.unfinished("weights", INPUTS).name]
    assert cache.find("weights", INPUTS) is None, "what is unfinished is never taken for the artifact"

    def go_on(folder: Path) -> None:
        (folder / "data.txt").write_text((Cache(tmp_path).unfinished("weights", INPUTS) / "checkpoint").read_text())

    assert (cache.artifact("weights", INPUTS, go_on).path / "data.txt").read_text() == "half"
    assert leftovers(tmp_path) == []


def test_each_artifact_has_an_unfinished_folder_of_its_own(tmp_path: Path) -> None:
    """Asking for it makes nothing, other inputs or another kind have another, and only its own build removes it."""
    cache = Cache(tmp_path / "cache")
    places = {cache.unfinished("weights", INPUTS), cache.unfinished("index", INPUTS), cache.unfinished("weights", {})}
    assert len(places) == 3
    assert not cache.root.exists()
    cache.unfinished("weights", INPUTS).mkdir(parents=True)
    cache.artifact("weights", {}, write())
    assert cache.unfinished("weights", INPUTS).is_dir()


def test_two_processes_build_once(tmp_path: Path) -> None:
    """Of processes that ask for the same artifact at once one builds, and the others wait and reuse it."""
    log = tmp_path / "log"
    context = multiprocessing.get_context("spawn")
    racers = [context.Process(target=build_slowly, args=(tmp_path / "cache", log, 1.0)) for _ in range(3)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(60)
    assert [racer.exitcode for racer in racers] == [0, 0, 0]
    assert log.read_text() == "built\n"
    assert leftovers(tmp_path / "cache") == []


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is of POSIX")
def test_dead_process_is_taken_over(tmp_path: Path) -> None:
    """A process killed in the middle of a build leaves no lock that blocks and nothing that looks finished."""
    log = tmp_path / "log"
    victim = multiprocessing.get_context("spawn").Process(target=build_slowly, args=(tmp_path / "cache", log, 60.0))
    victim.start()
    deadline = time.monotonic() + 30
    while not list(tmp_path.glob("cache/*/*.building/files/half.txt")) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert victim.pid is not None
    os.kill(victim.pid, signal.SIGKILL)
    victim.join(10)
    assert Cache(tmp_path / "cache").find("weights", INPUTS) is None
    artifact = Cache(tmp_path / "cache").artifact("weights", INPUTS, write())
    assert sorted(path.name for path in artifact.path.rglob("*.txt")) == ["data.txt", "other.txt"]
    assert leftovers(tmp_path / "cache") == []


def test_artifact_within_a_build(tmp_path: Path) -> None:
    """A build may ask the same cache for another artifact."""
    cache = Cache(tmp_path)

    def outer(folder: Path) -> None:
        inner = cache.artifact("embeddings", INPUTS, write("inner"))
        (folder / "copy.txt").write_text((inner.path / "sub" / "data.txt").read_text())

    assert (cache.artifact("index", INPUTS, outer).path / "copy.txt").read_text() == "inner"


@pytest.mark.parametrize("kind", ["", "../escape", "A", "a/b", "."])
def test_kind_names_a_folder(kind: str, tmp_path: Path) -> None:
    """A kind that could lead out of the cache is refused."""
    with pytest.raises(ValueError, match="kind of an artifact"):
        Cache(tmp_path).artifact(kind, INPUTS, write())


def test_root_from_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HARNESS_CACHE chooses the root; without it the root lies in the user's cache folder."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "mine"))
    assert Cache().root == tmp_path / "mine"
    monkeypatch.delenv("HARNESS_CACHE")
    assert default_cache_root().name == "harness"


def test_root_in_nobodys_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A home that this machine doesn't know is told as such."""
    monkeypatch.setenv("HARNESS_CACHE", "~nobody-of-that-name/cache")
    with pytest.raises(InputError, match=r"HARNESS_CACHE=~nobody-of-that-name/cache: there is no such home folder"):
        default_cache_root()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_others_can_read_what_was_written_for_its_owner(tmp_path: Path) -> None:
    """A file gets the mode of every new file, here that of the manifest; one outside that it links to keeps its own."""
    outside = tmp_path / "outside"
    outside.write_text("mine")
    outside.chmod(0o600)

    def build(folder: Path) -> None:
        (folder / "model.safetensors").touch(0o600)
        (folder / "link").symlink_to(outside)

    built = Cache(tmp_path / "cache").artifact("weights", INPUTS, build)
    usual = (built.path.parent / "manifest.json").stat().st_mode
    assert (built.path / "model.safetensors").stat().st_mode == usual
    assert outside.stat().st_mode & 0o777 == 0o600


def test_an_artifact_is_hashed_once_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was handed an artifact isn't made to wait for its hash again, until any of its files changes."""
    hashed: list[str] = []

    def counted(path: Path) -> str:
        hashed.append(path.name)
        return file_hash(path)

    monkeypatch.setattr(manifest_module, "file_hash", counted)
    monkeypatch.setattr(artifacts_module, "_SETTLED", -1e9)  # as if the files had been written long ago
    cache = Cache(tmp_path)
    built = cache.artifact("weights", INPUTS, write())
    hashed.clear()
    for _ in range(3):
        assert cache.find("weights", INPUTS) is not None
    assert sorted(hashed) == ["data.txt", "other.txt"]
    assert Cache(tmp_path).find("weights", INPUTS) is not None
    assert len(hashed) == 4, "another reader trusts nobody"
    changed = built.path / "other.txt"
    times = changed.stat()
    flip(changed)
    os.utime(changed, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert cache.find("weights", INPUTS) is None


def test_fresh_files_are_always_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What changes within one tick of the clock is noticed too: young files are hashed at every look."""
    cache = Cache(tmp_path)
    built = cache.artifact("weights", INPUTS, write())
    assert cache.find("weights", INPUTS) is not None
    signature = artifacts_module._signature
    same = signature(built.path.parent, read_manifest(built.path.parent / "manifest.json"))
    monkeypatch.setattr(artifacts_module, "_signature", lambda *_: same)
    flip(built.path / "other.txt")
    assert cache.find("weights", INPUTS) is None


@pytest.mark.parametrize("key", ["../../escape", "", "F" * 64, "a" * 63])
def test_a_recorded_key_names_no_other_folder(key: str, tmp_path: Path) -> None:
    """A key that a run recorded, and that could lead out of the cache, finds nothing."""
    assert Cache(tmp_path).get("weights", key) is None
