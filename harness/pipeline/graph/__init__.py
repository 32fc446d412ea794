"""A comparison as a graph of pieces of work, and the stages that do them in whatever process they are done."""

from harness.pipeline.graph.nodes import make_graph
from harness.pipeline.graph.opening import make_executor, make_workshop
from harness.pipeline.graph.outcome import Built, built
from harness.pipeline.graph.resources import prepare_process
from harness.pipeline.graph.stages import Stages

__all__ = ["Built", "Stages", "built", "make_executor", "make_graph", "make_workshop", "prepare_process"]
