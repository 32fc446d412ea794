"""Executors of every kind, and one Ray cluster of two machines for all tests of a module."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.runs.executors import Executor, LocalExecutor, RayExecutor


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """The address of a Ray cluster of two machines with one processor each, which find this folder's modules."""
    pytest.importorskip("ray", reason="Ray isn't installed")
    from harness.runs.executors.ray_cluster import ENVIRONMENT

    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]))
        patch.syspath_prepend(str(Path(__file__).parent))
        from ray.cluster_utils import Cluster

        machine = {"num_cpus": 1, "memory": 3_000_000_000, "object_store_memory": 100_000_000}
        started = Cluster(initialize_head=True, head_node_args={**machine, "include_dashboard": False})
        started.add_node(**machine)
        yield started.address
        started.shutdown()


@pytest.fixture(params=["local", "ray"])
def executor(request: pytest.FixtureRequest) -> Executor:
    """Each executor."""
    if request.param == "local":
        return LocalExecutor()
    return RayExecutor(request.getfixturevalue("cluster"))
