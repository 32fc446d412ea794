"""What every executor keeps to, held against each of them; Ray's is a real cluster of two machines."""

import pytest
from tests_work import workshop

from harness.errors import InputError, ProofError, TrainingError
from harness.runs.executors import Graph, Node
from harness.runs.progress import Silent


def node(name, *needs, number=1, **more) -> Node:
    return Node(name, {"name": name, "number": number, **more}, needs)


def test_results_reach_what_needs_them(executor, tmp_path):
    """A node is given the results of its needs, by name, and no others."""
    graph = Graph([node("a"), node("b", number=10), node("c", "a", "b", number=100), node("d", "c", number=1000)])
    assert executor.run(graph, workshop(tmp_path), Silent()).results == {"a": 1, "b": 10, "c": 111, "d": 1111}


@pytest.mark.parametrize("kind", [TrainingError, ProofError])
def test_a_failed_training_or_proof_fails_what_needs_it_and_nothing_else(executor, tmp_path, kind):
    """All with the same error."""
    graph = Graph([node("a", raises=kind.__name__), node("b", "a"), node("c", "b"), node("d")])
    outcomes = executor.run(graph, workshop(tmp_path), Silent())
    assert outcomes.results == {"d": 1}
    assert {name: (type(e), str(e)) for name, e in outcomes.errors.items()} == dict.fromkeys(
        "abc", (kind, "a can't be done")
    )


def test_any_other_error_ends_the_graph(executor, tmp_path):
    """It is raised as it was, and what needs it is never begun."""
    graph = Graph([node("a", raises="InputError"), node("b", "a")])
    with pytest.raises(InputError, match="a can't be done"):
        executor.run(graph, workshop(tmp_path), Silent())
    assert not (tmp_path / "b.begun").exists()


def test_what_is_told_is_shown(executor, tmp_path):
    """Each bar appears once, with all of its steps."""
    shown = Shown()
    executor.run(Graph([node("a"), node("b", "a")]), workshop(tmp_path, shown), shown)
    assert {label: done for label, done in shown.done.items() if label.startswith("add up")} == {
        "add up a": 2,
        "add up b": 2,
    }
    assert shown.open == 0


class Shown:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.done: dict[str, int] = {}
        self.open = 0

    def task(self, description, total):
        from contextlib import contextmanager

        @contextmanager
        def bar():
            self.open += 1
            self.done[description] = 0

            def advance(steps):
                self.done[description] += steps

            try:
                yield advance
            finally:
                self.open -= 1

        return bar()
