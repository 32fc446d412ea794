"""What is to be done, and in which order: named nodes, what each needs, and what it takes to do one.

Knows nothing of what a node does, nor of who does it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.runs.fingerprint import JSON


@dataclass(frozen=True)
class Resources:
    """What a node holds while it is worked on: processors, GPUs, and bytes of memory."""

    cpus: int = 1
    gpus: int = 0
    memory_bytes: int = 0

    def __str__(self) -> str:
        gpus = f", {self.gpus} GPU" if self.gpus else ""
        return f"{self.cpus} CPU{gpus}, {self.memory_bytes / 1e9:.1f} GB of memory"


@dataclass(frozen=True)
class Node:
    """One piece of work: its `name`, what it is in JSON, and the names of the nodes that must be done before."""

    name: str
    work: Mapping[str, JSON]
    needs: tuple[str, ...] = ()
    resources: Resources = field(default_factory=Resources)


class Graph:
    """Nodes in an order in which they can be done: as they were given, so that it is always the same."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        """Raises ValueError for a name that is given twice, and a need that isn't given before who needs it.

        So there are no cycles.
        """
        self._nodes: dict[str, Node] = {}
        for node in nodes:
            if node.name in self._nodes:
                raise ValueError(f"two nodes are called {node.name!r}")
            if unknown := [name for name in node.needs if name not in self._nodes]:
                raise ValueError(f"{node.name!r} needs {unknown[0]!r}, which doesn't come before it")
            self._nodes[node.name] = node

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes, each after what it needs."""
        return tuple(self._nodes.values())

    def __len__(self) -> int:
        return len(self._nodes)

    def __getitem__(self, name: str) -> Node:
        return self._nodes[name]
