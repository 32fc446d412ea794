"""A comparison on a Ray cluster says what one process says, to the byte, whatever happens to a worker."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from harness.errors import InputError
from harness.pipeline import CompareConfig, run_comparison
from harness.runs import Cache

FAST = {"training": {"epochs": 2, "batch_size": 2, "learning_rate": 0.01}}
LONG = {"training": {"epochs": 40, "batch_size": 2, "learning_rate": 0.001}}
VARIANTS = ("base/few-shot-1", "full/zero-shot", "full@0.5/zero-shot", "lora/zero-shot")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Ray cluster of two machines with one processor and one cache of its own each."""
    pytest.importorskip("ray", reason="Ray isn't installed")
    from harness.runs.executors.ray_cluster import ENVIRONMENT

    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.delenv("HARNESS_SHARED_CACHE", raising=False)
        patch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]))
        from ray.cluster_utils import Cluster

        started = Cluster()
        for number in range(2):
            own = {"HARNESS_CACHE": str(tmp_path_factory.mktemp(f"machine-{number}"))}
            machine = {"num_cpus": 1, "memory": 3_000_000_000, "object_store_memory": 100_000_000}
            started.add_node(**machine, env_vars=own, include_dashboard=False)
        yield started.address
        started.shutdown()


def request(suite: Path, base: Path, out: Path, **more) -> CompareConfig:
    """Some of everything, in shards of three of the four cases of a split."""
    recipes = {"full": FAST, "lora": LONG}
    options = {"variants": VARIANTS, "recipes": recipes, "threads": 1, "shard": 3, "device": "cpu", **more}
    return CompareConfig(suite=str(suite), model=str(base), out=out, **options)


def said(run: Path) -> dict[str, str]:
    """All that a run says, seconds apart."""
    files = {path.relative_to(run).as_posix(): path.read_text("utf-8") for path in run.rglob("*.jsonl")}
    files = {name: _without_seconds(text) for name, text in files.items() if name != "log.jsonl"}
    return {**files, "comparison.json": (run / "comparison.json").read_text("utf-8")}


def _without_seconds(text: str) -> str:
    rows = [json.loads(line) for line in text.splitlines()]
    return "\n".join(json.dumps({key: value for key, value in row.items() if key != "seconds"}) for row in rows)


class Killer:
    """A progress that kills the worker of a task of Ray, once, when its bar first moves."""

    def __init__(self, description: str, task: str) -> None:
        self._description, self._task = description, task
        self.killed: list[int] = []

    @contextmanager
    def task(self, description, total):
        def advance(steps):
            if steps and description == self._description and not self.killed:
                self._kill()

        yield advance

    def _kill(self) -> None:
        for process in psutil.Process().children(recursive=True):
            if process.name().startswith("ray::") and self._task in " ".join(process.cmdline()):
                process.kill()
                self.killed.append(process.pid)


def test_a_cluster_whose_worker_is_killed_says_what_one_process_says(cluster, suite, tiny_base, tmp_path):
    """A worker dies by SIGKILL amid a training; scores, answers and the comparison are the same to the byte."""
    run_comparison(request(suite, tiny_base, tmp_path / "local"), cache=Cache(tmp_path / "here", shared=""))
    killer = Killer("train lora", "train lora")
    asked = request(suite, tiny_base, tmp_path / "ray", executor="ray", address=cluster)
    cache = Cache(tmp_path / "there", shared="")
    built: list[str] = []
    cache.artifact = _noting(cache.artifact, built)
    run_comparison(asked, killer, cache)
    assert len(killer.killed) == 1
    assert built == []  # the process that was asked only puts together what the workers made
    assert said(tmp_path / "ray") == said(tmp_path / "local")


def test_machines_exchange_artifacts_through_a_store(cluster, suite, tiny_base, tmp_path):
    """Workers with caches of their own, and a store that all reach, say the same too."""
    asked = {"variants": ("base/rag-2", "full/zero-shot")}
    local = request(suite, tiny_base, tmp_path / "local", **asked)
    run_comparison(local, cache=Cache(tmp_path / "here", shared=""))
    store = (tmp_path / "store").as_uri()
    ray = request(suite, tiny_base, tmp_path / "ray", executor="ray", address=cluster, **asked)
    run_comparison(ray, cache=Cache(tmp_path / "there", shared=store))
    assert said(tmp_path / "ray") == said(tmp_path / "local")
    caches = [cache for cache in tmp_path.parent.glob("machine-*") if any(cache.rglob("manifest.json"))]
    assert caches  # and not only the cache of the process that was asked


def test_an_address_without_ray_is_refused(suite, tiny_base, tmp_path):
    """Since nothing would run there."""
    with pytest.raises(InputError, match="Add --executor ray"):
        run_comparison(request(suite, tiny_base, tmp_path / "run", address="auto"), cache=Cache(tmp_path / "cache"))


def _noting(artifact, built):
    """`Cache.artifact` that also notes what is built."""

    def noted(kind, inputs, build):
        found = artifact(kind, inputs, build)
        if not found.reused:
            built.append(kind)
        return found

    return noted
