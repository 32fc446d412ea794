"""How one node's work is done, whoever does it: a function for each kind of work, from JSON to JSON."""

from collections.abc import Callable, Mapping
from typing import Any

from harness.pipeline.answer import alpha_of, choose_alpha, model_of
from harness.pipeline.graph.stages import Stages
from harness.pipeline.models import Models
from harness.pipeline.plan import Plan
from harness.pipeline.predict import Part
from harness.pipeline.tasks import Task
from harness.pipeline.tune import Tuner
from harness.variants import Context, Variant

Work = Mapping[str, Any]
Results = Mapping[str, Any]


def perform(stages: Stages, work: Work, results: Results) -> Any:
    """The result of `work`, in JSON, given those of what it needs, by their nodes' names."""
    return KINDS[work["do"]](stages, work, results)


def _index(stages: Stages, work: Work, results: Results) -> None:
    """Cuts a corpus into passages and makes what a retriever searches."""
    stages.finder.prepare(_task(stages.plan, work["task"]), Context.parse(work["context"]))


def _find(stages: Stages, work: Work, results: Results) -> None:
    """Searches for the cases of a task."""
    stages.finder.find(_task(stages.plan, work["task"]), Context.parse(work["context"]))


def _write(stages: Stages, work: Work, results: Results) -> None:
    """Writes every prompt and every lesson: what can't be asked or learnt is told before anything is trained."""
    stages.prompts.build_all(stages.progress)
    for recipe in stages.plan.recipes.values():
        for seed in range(stages.plan.config.seeds):
            stages.lessons.of(recipe, seed)


def _tune(stages: Stages, work: Work, results: Results) -> Any:
    """Tunes a recipe: the best one, and every trial."""
    plan = stages.plan
    tuner = Tuner(plan, stages.prompts, stages.trainer(plan), stages.predictor, stages.scorer)
    tuned = tuner.tune(plan.recipes[work["recipe"]], plan.config.tune)
    return {
        "recipe": tuned.recipe.model_dump(mode="json"),
        "trials": [trial.model_dump(mode="json") for trial in tuned.trials],
        "seconds": tuned.seconds,
    }


def _train(stages: Stages, work: Work, results: Results) -> None:
    """Trains a chain of recipes."""
    stages.trainer(_plan(stages, work, results)).of(tuple(work["chain"]), work["seed"])


def _predict(stages: Stages, work: Work, results: Results) -> None:
    """Asks a variant some parts of tasks."""
    variant, seed, models = _asked(stages, work, results)
    parts = [Part(_task(stages.plan, task), start, stop) for task, start, stop in work["parts"]]
    stages.predictor.answer(variant, seed, models, _alpha(variant, work, results), parts)


def _choose(stages: Stages, work: Work, results: Results) -> float:
    """The alpha that `@best` stands for."""
    variant, seed, models = _asked(stages, work, results)
    return choose_alpha(stages.plan, stages.predictor, models, variant, seed, stages.scorer).alpha


def _time(stages: Stages, work: Work, results: Results) -> None:
    """Times a variant, query by query."""
    variant, seed, models = _asked(stages, work, results)
    stages.stopwatch.measure(variant, seed, models, _alpha(variant, work, results))


KINDS: dict[str, Callable[[Stages, Work, Results], Any]] = {
    "index": _index,
    "find": _find,
    "write": _write,
    "tune": _tune,
    "train": _train,
    "predict": _predict,
    "choose": _choose,
    "time": _time,
}


def _plan(stages: Stages, work: Work, results: Results) -> Plan:
    """The plan with the recipes that were tuned for this work, by the names of the nodes that tuned them."""
    return stages.tuned({recipe: results[node]["recipe"] for recipe, node in work["tuned"].items()})


def _asked(stages: Stages, work: Work, results: Results) -> tuple[Variant, int, Models]:
    variant, seed = Variant.parse(work["variant"]), work["seed"]
    return variant, seed, stages.models(_plan(stages, work, results), *model_of(variant, seed))


def _alpha(variant: Variant, work: Work, results: Results) -> float | None:
    """The alpha that the variant's name says, or that was chosen for it."""
    return results[work["chosen"]] if work["chosen"] else alpha_of(variant)


def _task(plan: Plan, place: tuple[str, int]) -> Task:
    """The task at a place of those that are asked, or of those that settings are chosen by."""
    kind, number = place
    return (plan.validation if kind == "validation" else plan.tasks)[number]
