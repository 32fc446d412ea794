"""Graphs: what is refused, and the order that they keep."""

import pytest

from harness.runs.executors import Graph, Node


def test_nodes_come_in_the_order_in_which_they_were_given():
    """So that one process always goes the same way."""
    nodes = [Node("c", {}), Node("a", {}), Node("b", {}, ("a", "c"))]
    assert [node.name for node in Graph(nodes).nodes] == ["c", "a", "b"]
    assert Graph(nodes)["b"].needs == ("a", "c")


@pytest.mark.parametrize(
    ("nodes", "told"),
    [
        ([Node("a", {}), Node("a", {})], "two nodes are called 'a'"),
        ([Node("a", {}, ("b",))], "'a' needs 'b'"),
        ([Node("a", {}, ("b",)), Node("b", {}, ("a",))], "'a' needs 'b'"),
        ([Node("a", {}, ("a",))], "'a' needs 'a'"),
    ],
    ids=["a name given twice", "an unknown need", "a cycle", "a node that needs itself"],
)
def test_what_is_no_graph_is_refused(nodes, told):
    """With the names of the nodes."""
    with pytest.raises(ValueError, match=told):
        Graph(nodes)
