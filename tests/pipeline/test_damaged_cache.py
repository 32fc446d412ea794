"""Whole runs over caches that are damaged, full, read-only or shared: nothing wrong is used, and nothing is lost."""

import logging
import multiprocessing
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.errors import CacheError
from harness.pipeline import CompareConfig, run_comparison
from harness.runs import Cache
from harness.runs.inventory import damages, entries

FAST = {"training": {"epochs": 2, "batch_size": 2, "learning_rate": 0.01}}
VARIANTS = ("base/zero-shot", "base/rag-2:hybrid", "lora/zero-shot")
KINDS = ("index", "sparse", "passages", "hits", "weights", "predictions", "latency", "vectors")


class CountingCache(Cache):
    """A real cache that notes what was built."""

    def __init__(self, root: Path, shared: str = "") -> None:
        super().__init__(root, shared)
        self.built: list[str] = []

    def artifact(self, kind, inputs, build):
        artifact = super().artifact(kind, inputs, build)
        if not artifact.reused:
            self.built.append(kind)
        return artifact


def request(suite: Path, base: Path, out: Path) -> CompareConfig:
    return CompareConfig(suite=str(suite), model=str(base), out=out, variants=VARIANTS, recipes={"lora": FAST})


def scores(run: Path) -> str:
    return (run / "scores.jsonl").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the module's one undisturbed run and its cache lie, once it was made."""
    return tmp_path_factory.mktemp("made")


@pytest.fixture
def finished(suite: Path, tiny_base: Path, made: Path, tmp_path: Path) -> tuple[Path, str]:
    """A copy of the cache of a finished run, and the run's scores."""
    if not (made / "run").exists():
        run_comparison(request(suite, tiny_base, made / "run"), cache=Cache(made / "cache", ""))
    shutil.copytree(made / "cache", tmp_path / "cache")
    return tmp_path / "cache", scores(made / "run")


@contextmanager
def mounted(place: Path, *options: str) -> Iterator[None]:
    """`place` with something mounted on it; the test is skipped where that isn't allowed."""
    place.mkdir(exist_ok=True)
    mount(*options, str(place))
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def mount(*arguments: str) -> None:
    try:
        subprocess.run(["mount", *arguments], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"nothing can be mounted here: {getattr(error, 'stderr', None) or error}")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_byte_is_named_and_built_again(kind, finished, suite, tiny_base, tmp_path, caplog):
    """One flipped bit in every artifact of a kind: each is named with kind and file, and the scores are the same."""
    root, expected = finished
    flipped = []
    for entry in entries(root, kind):
        files = entry.path if kind == "vectors" else entry.path / "files"
        largest = max((path for path in files.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
        flip(largest)
        flipped.append((entry, largest))
    if kind == "vectors":  # only who builds an index reads them
        shutil.rmtree(root / "index")
    assert flipped
    assert all(damages(entry) for entry, _ in flipped)
    cache = CountingCache(root)
    with caplog.at_level(logging.WARNING, "harness"):
        result = run_comparison(request(suite, tiny_base, tmp_path / "run"), cache=cache)
    for entry, file in flipped:
        assert any(str(entry.path) in told and file.name in told and "damaged" in told for told in caplog.messages)
    assert ("index" if kind == "vectors" else kind) in cache.built
    assert scores(result.run) == expected
    assert not any(damages(entry) for entry in entries(root))


def test_a_read_only_cache_serves_a_whole_run(finished, suite, tiny_base, tmp_path):
    """What is all there can be used without writing; what isn't is one message with a remedy, and nothing changes."""
    root, expected = finished
    with mounted(root, "--bind", str(root)):
        mount("-o", "remount,ro,bind", str(root))
        result = run_comparison(request(suite, tiny_base, tmp_path / "run"), cache=Cache(root, ""))
        assert scores(result.run) == expected
        more = request(suite, tiny_base, tmp_path / "more").model_copy(update={"variants": ("base/few-shot-1",)})
        with pytest.raises(CacheError, match=r"can't be stored: Read-only file system.*HARNESS_CACHE"):
            run_comparison(more, cache=Cache(root, ""))
    assert not any(damages(entry) for entry in entries(root))


@pytest.mark.parametrize("kilobytes", [40, 160])
def test_a_full_disk_loses_nothing(kilobytes, suite, tiny_base, made, finished, tmp_path):
    """A run stops with what it needs, keeps what was finished, and goes on from there once there is room."""
    _, expected = finished
    place = tmp_path / "small"
    with mounted(place, "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs"):
        first = CountingCache(place / "cache")
        with pytest.raises(CacheError, match=r"No space left.*MB that are free.*HARNESS_CACHE"):
            run_comparison(request(suite, tiny_base, tmp_path / "run"), cache=first)
        assert not any(damages(entry) for entry in entries(place / "cache"))
        mount("-o", "remount,size=64m", str(place))
        second = CountingCache(place / "cache")
        assert scores(run_comparison(request(suite, tiny_base, tmp_path / "run"), cache=second).run) == expected
        whole = sorted(entry.kind for entry in entries(made / "cache") if entry.kind != "vectors")
        assert sorted([*first.built, *second.built]) == whole, "nothing was built twice"


def test_machines_exchange_a_whole_run(suite, tiny_base, tmp_path):
    """With a shared store a second machine builds nothing, and says the same."""
    url = f"file://{tmp_path}/share"
    one, two = CountingCache(tmp_path / "one", url), CountingCache(tmp_path / "two", url)
    first = run_comparison(request(suite, tiny_base, tmp_path / "first"), cache=one)
    second = run_comparison(request(suite, tiny_base, tmp_path / "second"), cache=two)
    assert one.built
    assert two.built == []
    assert scores(second.run) == scores(first.run)


def compare_apart(suite: Path, base: Path, out: Path, root: Path, together) -> None:
    """One whole run in a process of its own, begun when the other is ready too; tells what it built."""
    import torch

    torch.set_num_threads(1)
    cache = CountingCache(root)
    together.wait(120)
    run_comparison(request(suite, base, out), cache=cache)
    (out / "built.txt").write_text("\n".join(cache.built), encoding="utf-8")


def test_two_runs_at_once_build_everything_once(suite, tiny_base, made, finished, tmp_path):
    """Of two runs over one empty cache each artifact is built by one, and both say what a run alone says."""
    _, expected = finished
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["harness.pipeline.compare", "sentence_transformers"])  # once for both
    together = context.Barrier(2)
    outs = [tmp_path / "first", tmp_path / "second"]
    runs = [
        context.Process(target=compare_apart, args=(suite, tiny_base, out, tmp_path / "both", together)) for out in outs
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join(300)
    assert [run.exitcode for run in runs] == [0, 0]
    assert [scores(out) for out in outs] == [expected, expected]
    built = [kind for out in outs for kind in (out / "built.txt").read_text(encoding="utf-8").split()]
    whole = sorted(entry.kind for entry in entries(made / "cache") if entry.kind != "vectors")
    assert sorted(built) == whole
