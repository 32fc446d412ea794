"""Who works through a graph of work: this process, or a Ray cluster. Knows nothing of what is done."""

from harness.runs.executors.executor import Executor, Outcomes, Perform, Results, Workshop
from harness.runs.executors.graph import Graph, Node, Resources
from harness.runs.executors.local import LocalExecutor
from harness.runs.executors.ray import RayExecutor

__all__ = [
    "Executor",
    "Graph",
    "LocalExecutor",
    "Node",
    "Outcomes",
    "Perform",
    "RayExecutor",
    "Resources",
    "Results",
    "Workshop",
]
