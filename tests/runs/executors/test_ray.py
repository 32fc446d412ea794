"""What only Ray meets: workers that die, that are another program, that can't be had; and a cluster of its own."""

import logging
import re

import pytest
from tests_work import workshop

from harness.errors import ExecutionError, InputError
from harness.runs.executors import Graph, Node, RayExecutor, Resources
from harness.runs.progress import Silent


def test_the_node_of_a_killed_worker_is_begun_again(cluster, tmp_path, caplog):
    """By another process, and once, which is told; what doesn't need it isn't disturbed."""
    graph = Graph([Node("a", {"name": "a", "number": 1, "dies": 1}), Node("b", {"name": "b", "number": 2}, ("a",))])
    with caplog.at_level(logging.WARNING):
        assert RayExecutor(cluster).run(graph, workshop(tmp_path), Silent()).results == {"a": 1, "b": 3}
    first, second = (tmp_path / "a.begun").read_text().split()
    assert first != second
    assert "a: its worker on" in caplog.text


def test_a_node_whose_workers_all_die_is_named(cluster, tmp_path):
    """With what it asked for, where it was, how often, and where to look."""
    took = Resources(cpus=1, memory_bytes=1_000_000_000)
    graph = Graph([Node("heavy", {"name": "heavy", "number": 1, "dies": 9}, resources=took)])
    with pytest.raises(ExecutionError, match=r"'heavy' was begun 2 times.*1 CPU, 1\.0 GB of memory.*logs"):
        RayExecutor(cluster, attempts=2).run(graph, workshop(tmp_path), Silent())
    assert len((tmp_path / "heavy.begun").read_text().split()) == 2


def test_a_worker_that_is_another_program_is_refused(cluster, tmp_path):
    """The message names what differs."""
    with pytest.raises(InputError, match=r"not the same program as this one.*sums: "):
        RayExecutor(cluster).run(
            Graph([Node("a", {"name": "a", "number": 1})]), workshop(tmp_path, identity="differing"), Silent()
        )


def test_an_error_that_is_nobodys_fault_but_ours_is_told_with_its_place(cluster, tmp_path):
    """An unexpected exception arrives as text, traceback and all."""
    graph = Graph([Node("a", {"name": "a", "number": 1, "raises": "no error of the harness"})])
    with pytest.raises(ExecutionError, match=r"'a' failed on .* KeyError[\s\S]*tests_work\.py"):
        RayExecutor(cluster).run(graph, workshop(tmp_path), Silent())


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:10001", "somewhere"])
def test_no_cluster_at_an_address_is_told(tmp_path, address):
    """At once, with what to do."""
    pytest.importorskip("ray", reason="Ray isn't installed")
    with pytest.raises(InputError, match=f"no Ray cluster can be joined at {re.escape(address)} .*Check the address"):
        RayExecutor(address).run(Graph([Node("a", {})]), workshop(tmp_path), Silent())
