"""The whole road, from a request to a verdict: plan, index, tune, train, predict, score, compare.

What takes long is a graph that an executor works through, here or on many machines; all that is concluded is concluded
here, from the cache. Every stage writes what it makes before the next one reads it, so that an interrupted run goes on
where it was.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from harness.comparison import Comparison, Failure
from harness.pipeline.answer import answer_all
from harness.pipeline.conclude import Done, conclude
from harness.pipeline.config import CompareConfig
from harness.pipeline.graph import Stages, built, make_executor, make_graph, make_workshop, prepare_process
from harness.pipeline.plan import Plan, make_plan
from harness.pipeline.requirements import check_requirements
from harness.pipeline.served.run import ServedStages, ask_server
from harness.pipeline.train import Failed
from harness.pipeline.watch import Watch, watched
from harness.runs import OTHER, Cache, RunFolder, StageTime
from harness.runs.progress import Progress, Silent


@dataclass(frozen=True)
class Result:
    """What a comparison ends with: the run folder and what it concludes, and where the time went."""

    run: Path
    comparison: Comparison
    stages: tuple[StageTime, ...]


def run_comparison(
    config: CompareConfig,
    progress: Progress | None = None,
    cache: Cache | None = None,
    *,
    since: float | None = None,
) -> Result:
    """Compares all variants that `config` asks for and writes the run folder.

    A variant whose training or proofs fail is left out, and the comparison says why. Raises InputError for anything
    wrong in the request (before anything is built), ProofError or TrainingError where no variant is left, and
    CacheError where artifacts or the run can't be written. `since` is the `time.perf_counter()` at which the libraries
    began to load, where that is to be told too.
    """
    cache = cache or Cache()
    with watched(config.model_dump(mode="json"), progress or Silent(), cache, since) as watch:
        return _run(config, watch, cache)


def _run(config: CompareConfig, progress: Watch, cache: Cache) -> Result:
    """The run itself, whose progress is watched."""
    with progress.stage("planning"):
        plan = make_plan(config)
    stages = ServedStages(plan, cache, progress, config.server) if config.server else Stages(plan, cache, progress)
    check_requirements(plan, stages.scorer)
    run = RunFolder(plan.out)
    progress.keep(run.path)
    done = ask_server(stages) if isinstance(stages, ServedStages) else _computed(stages, progress)
    return Result(plan.out, conclude(run, stages, done), progress.stages())


def _computed(stages: Stages, progress: Watch) -> Done:
    """All answers, by models that are trained and computed here or by an executor's workers."""
    config = stages.plan.config
    executor = make_executor(config)
    prepare_process(config)
    graph = make_graph(stages.plan)
    where = "workers" if config.executor == "ray" else OTHER  # the time that no stage here explains
    with make_workshop(stages) as workshop, progress.stage(where):
        found = built(stages, graph, executor.run(graph, workshop, progress))
    plan, failures = without_failed(found.plan, found.failed)
    answers = answer_all(plan, stages.prompts, stages.predictor, found.trained, stages.scorer, stages.stopwatch)
    return Done(plan, found.trained, answers, failures, found.trials, found.tuning)


def without_failed(plan: Plan, failed: Failed) -> tuple[Plan, list[Failure]]:
    """The plan without the variants whose weights could not be made; raises their error if no other is left."""
    failures = {v: error for v in plan.variants for chain, error in failed.items() if v.weights.stages == chain}
    left = tuple(variant for variant in plan.variants if variant not in failures)
    if not left:
        raise next(iter(failures.values()))
    return replace(plan, variants=left), [Failure(variant=str(v), reason=str(e)) for v, e in failures.items()]
