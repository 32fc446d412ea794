"""The process that was asked works through the graph by itself, node by node."""

import time

from harness.runs.executors.executor import SPARING, Outcomes, Workshop
from harness.runs.executors.graph import Graph
from harness.runs.progress import Progress


class LocalExecutor:
    """Does the nodes in their order, one at a time."""

    def run(self, graph: Graph, workshop: Workshop, progress: Progress) -> Outcomes:
        """See `Executor.run`; what is done tells its progress itself."""
        outcomes = Outcomes()
        for node in graph.nodes:
            error = outcomes.inherited(node)
            if error is not None:
                outcomes.errors[node.name] = error
                continue
            begun = time.perf_counter()
            try:
                outcomes.results[node.name] = workshop.perform(node.work, outcomes.given(node))
            except SPARING as failure:
                outcomes.errors[node.name] = failure
            outcomes.seconds[node.name] = time.perf_counter() - begun
        return outcomes
