"""What every executor does: works through a graph, and says of each node what came of it. Knows no stage."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from harness.errors import HarnessError, ProofError, TrainingError
from harness.runs.executors.graph import Graph, Node
from harness.runs.progress import Progress

Results = Mapping[str, Any]
Perform = Callable[[Mapping[str, Any], Results], Any]

SPARING = (TrainingError, ProofError)  # they fail what needs their node, and nothing else


@dataclass(frozen=True)
class Workshop:
    """Where nodes are worked on, in this process and in others.

    `perform(work, results)` does one node's work here, given the results of its needs by name, and returns its own in
    JSON. Another process opens its own: `entry` names, as `package.module:function`, what makes of `settings` (JSON)
    and a Progress such a function there. `identity` names a function that gives facts, in words, in which it has to
    agree with this process.
    """

    perform: Perform
    entry: str
    identity: str
    settings: Mapping[str, Any]


@dataclass
class Outcomes:
    """What came of the nodes, by name: the `results` of those that were done, and the `errors` of those that weren't.

    A node fails with the error of what it needs. `seconds` are those that the work itself took, and `opening` those
    that processes took before their first node, each once.
    """

    results: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, HarnessError] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    opening: list[float] = field(default_factory=list)

    def inherited(self, node: Node) -> HarnessError | None:
        """The error of the first of the needs of `node` that failed, if one did."""
        return next((self.errors[name] for name in node.needs if name in self.errors), None)

    def given(self, node: Node) -> dict[str, Any]:
        """The results that `node` needs."""
        return {name: self.results[name] for name in node.needs}


class Executor(Protocol):
    """Who works through a graph."""

    def run(self, graph: Graph, workshop: Workshop, progress: Progress) -> Outcomes:
        """Does every node after its needs.

        An error that is `SPARING` fails its node and those that need it; every other one is raised, and ends the rest.
        """
        ...
