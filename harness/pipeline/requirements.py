"""Whether what the user requires can be told of this run at all: known before anything is trained."""

from harness.comparison import RETRIEVED, SHOWN, STALE_RATE, known_names, parse_requirements
from harness.pipeline.plan import Plan
from harness.pipeline.score import Scorer
from harness.pipeline.tasks import Task


def check_requirements(plan: Plan, scorer: Scorer) -> None:
    """Raises InputError that tells all mistakes in the requirements."""
    metrics = {task.name: _metrics(plan, scorer, task) for task in plan.tasks}
    volume = plan.config.constraints.volume is not None
    names = known_names(scorer.references(plan.tasks), metrics, priced=plan.prices is not None, volume=volume)
    parse_requirements(plan.config.require, names)


def _metrics(plan: Plan, scorer: Scorer, task: Task) -> list[str]:
    """The names of all metrics that some variant will have on `task`."""
    cases, shown = task.split.cases, sorted({context.passages for context in plan.contexts if context.passages})
    found = scorer.metrics(task)
    if any(case.stale for case in cases):
        found = [*found, STALE_RATE]
    if shown and task.lm_eval is None:
        found = [*found, "supported"]
    if shown and any(case.evidence for case in cases):
        at = [name for k in shown for name in (f"recall@{k}", f"precision@{k}")]
        found = [*found, *at, "mrr", "ndcg@10", RETRIEVED, SHOWN]
    return found
