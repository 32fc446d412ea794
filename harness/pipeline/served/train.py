"""The training stage of a run on a server: turns what recipes learn into conversations, and has them taught there."""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.api import Server
from harness.comparison import check_trained_tokens
from harness.errors import InputError, TrainingError
from harness.pipeline.examples import Lesson, Lessons
from harness.pipeline.plan import Plan
from harness.pipeline.served.finetune import teach
from harness.pipeline.served.made import served_model
from harness.pipeline.served.teaching import Chat, Teaching
from harness.pipeline.train import Trained
from harness.runs import Cache
from harness.runs.progress import Progress
from harness.variants import Weights
from harness.weights import ApiFinetuneSettings, Recipe, method_of


@dataclass(frozen=True)
class Taught:
    """What the server made: the artifacts by chain and seed, the models' names, and why weights could not be made."""

    trained: Trained
    models: Mapping[tuple[Weights, int], str]
    failed: Mapping[Weights, TrainingError]

    def names(self) -> dict[Weights, str]:
        """One name for each weights; of several seeds, that of the first."""
        return {weights: model for (weights, seed), model in self.models.items() if seed == 0}


def teach_all(plan: Plan, lessons: Lessons, server: Server, cache: Cache, progress: Progress) -> Taught:
    """Has every recipe of `plan` taught by the server.

    Raises InputError for what can't be learnt or paid, before anything is sent, and ApiError if the server can't be
    asked. A job that fails is told in what is returned.
    """
    if plan.prices is not None and plan.recipes:
        check_trained_tokens(plan.prices, ", ".join(plan.recipes))
    keys = [(name, seed) for name in plan.recipes for seed in range(plan.config.seeds)]
    teachings = [teaching_of(plan, plan.recipes[name], seed, lessons, server) for name, seed in keys]
    outcomes = dict(zip(keys, teach(teachings, cache, progress), strict=True))
    failed = {Weights(name): one for (name, _), one in outcomes.items() if isinstance(one, TrainingError)}
    trained: Trained = {
        (Weights(name).stages, seed): one
        for (name, seed), one in outcomes.items()
        if Weights(name) not in failed and not isinstance(one, TrainingError)
    }
    models = {(Weights(chain[0]), seed): served_model(one.path) for (chain, seed), one in trained.items()}
    return Taught(trained, models, failed)


def teaching_of(plan: Plan, recipe: Recipe, seed: int, lessons: Lessons, server: Server) -> Teaching:
    """What the server shall train for `recipe` with `seed`; raises InputError."""
    _, settings = method_of(recipe)
    if not isinstance(settings, ApiFinetuneSettings):
        raise InputError(f"recipe {recipe.name}: its method {recipe.method!r} trains here, and not on a server.")
    _check(plan, recipe)
    validation = lessons.validated(recipe, seed) if settings.validation else []
    if settings.validation and not validation:
        raise InputError(
            f"recipe {recipe.name}: settings.validation is true, and the suite has no split of kind validation. Add "
            "one, or set it to false."
        )
    return Teaching(
        name=recipe.name + (f", seed {seed}" if plan.config.seeds > 1 else ""),
        server=server,
        model=plan.base.name,
        settings=settings,
        examples=[_chat(lesson) for lesson in lessons.of(recipe, seed)],
        validation=[_chat(lesson) for lesson in validation],
        seed=seed,
    )


def _check(plan: Plan, recipe: Recipe) -> None:
    """Raises InputError for what is asked of all recipes and a provider can't do."""
    if recipe.data.continue_from:
        raise InputError(
            f"recipe {recipe.name}: data.continue_from: a job of the provider begins with the base, so what an earlier "
            "run learnt would be missing. Take it out, and all cases are learnt."
        )
    if plan.config.loss_on != "completion":
        raise InputError(
            f"recipe {recipe.name}: the provider learns answers only, so --loss-on {plan.config.loss_on} would not be "
            "what it did. Leave --loss-on out."
        )


def _chat(lesson: Lesson) -> Chat:
    return [message._asdict() for message in lesson.chat]
