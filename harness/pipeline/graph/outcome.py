"""What came of a graph, as the rest of a comparison needs it: the recipes as tuned, and what was trained or failed."""

from dataclasses import dataclass

from harness.comparison import Trial
from harness.pipeline.graph.stages import Stages
from harness.pipeline.plan import Plan
from harness.pipeline.train import Failed, Trained
from harness.runs.executors import Graph, Outcomes


@dataclass(frozen=True)
class Built:
    """The plan with the recipes that did best, the weights by chain and seed, and why chains failed.

    `trials` are all that tuning tried, `tuning` the seconds that it took for each recipe.
    """

    plan: Plan
    trained: Trained
    failed: Failed
    trials: list[Trial]
    tuning: dict[str, float]


def built(stages: Stages, graph: Graph, outcomes: Outcomes) -> Built:
    """What the nodes of `graph` left; everything that was trained is found in the cache.

    A chain fails where one of its seeds does.
    """
    tuned = {str(n.work["recipe"]): outcomes.results[n.name] for n in graph.nodes if n.work["do"] == "tune"}
    plan = stages.tuned({name: found["recipe"] for name, found in tuned.items()})
    failed: Failed = {}
    for node in graph.nodes:
        if node.work["do"] == "train" and node.name in outcomes.errors:
            failed.setdefault(_chain(node.work["chain"]), outcomes.errors[node.name])
    trainer = stages.trainer(plan)
    return Built(
        plan,
        {(c, seed): trainer.of(c, seed) for c in plan.chains() if c not in failed for seed in range(plan.config.seeds)},
        failed,
        [Trial.model_validate(trial) for found in tuned.values() for trial in found["trials"]],
        {name: found["seconds"] for name, found in tuned.items()},
    )


def _chain(names: object) -> tuple[str, ...]:
    return tuple(names) if isinstance(names, list) else ()
