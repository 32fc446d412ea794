"""Tuning: the same number of trials for every recipe, judged on validation, so that effort is equal.

The sampler is Optuna's TPE (Bergstra et al. 2011) with a fixed seed, over the search space that the recipe declares;
the first trial is always the recipe as it stands, and of equal ones the lowest learning rate is taken. What a trial
makes the model forget is measured on the retention splits and shown, but never chooses.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.comparison import Mean, Trial
from harness.errors import HarnessError, InputError
from harness.pipeline.models import Models
from harness.pipeline.plan import Plan
from harness.pipeline.predict import Predictor
from harness.pipeline.prompts import Prompts
from harness.pipeline.recipes import train_context
from harness.pipeline.score import Scorer
from harness.pipeline.search import distribution, import_optuna, value_at, with_values
from harness.pipeline.tasks import Task
from harness.pipeline.train import Trainer
from harness.pipeline.validate import mean_score
from harness.variants import Variant, Weights
from harness.weights import Recipe

SEED = 0


@dataclass(frozen=True)
class Tuned:
    """The recipe that did best, and every trial."""

    recipe: Recipe
    trials: list[Trial]

    @property
    def seconds(self) -> float:
        """What all trials took together."""
        return sum(trial.seconds for trial in self.trials)


class Tuner:
    """Tunes the recipes of a plan, each by itself, trained on the base with seed 0."""

    def __init__(self, plan: Plan, prompts: Prompts, trainer: Trainer, predictor: Predictor, scorer: Scorer) -> None:
        self._plan, self._prompts, self._trainer = plan, prompts, trainer
        self._predictor, self._scorer = predictor, scorer

    def tune(self, recipe: Recipe, trials: int) -> Tuned:
        """The best of `recipe` in so many `trials`; raises InputError where none of them could be trained."""
        optuna = import_optuna()
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=SEED))
        space = {place: distribution(found) for place, found in recipe.search.items()}
        study.enqueue_trial({place: value_at(recipe, place) for place in space})
        tried: list[Trial] = []
        recipes: list[Recipe] = []
        for number in range(trials):
            asked = study.ask(space)
            candidate = with_values(recipe, asked.params)
            trial = self._try(candidate, number, asked.params)
            if trial.validation is None:
                study.tell(asked, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(asked, trial.validation.value)
            tried.append(trial)
            recipes.append(candidate)
        scored = [trial for trial in tried if trial.validation is not None]
        if not scored:
            raise InputError(
                f"recipe {recipe.name}: none of the {trials} trials could be trained (the last: {tried[-1].failure}). "
                "Narrow its search space to settings that work, above all lower learning rates."
            )
        winner = max(scored, key=_merit).number
        marked = [trial.model_copy(update={"chosen": trial.number == winner}) for trial in tried]
        return Tuned(recipes[winner], marked)

    def _try(self, recipe: Recipe, number: int, values: Mapping[str, Any]) -> Trial:
        """Trains and judges one candidate; one that can't be trained is a failed trial, not the end of the run."""
        trial = Trial(
            recipe=recipe.name,
            number=number,
            settings=dict(values),
            learning_rate=recipe.local_training.learning_rate,
            epochs=recipe.local_training.epochs,
        )
        begun = time.perf_counter()
        try:
            artifact = self._trainer.train(recipe, SEED)
        except HarnessError as error:
            return trial.model_copy(update={"failure": str(error), "seconds": time.perf_counter() - begun})
        plan = replace(self._plan, recipes={**self._plan.recipes, recipe.name: recipe})
        weights = Weights(recipe.name)
        models = Models(plan, {(weights.stages, SEED): artifact}, self._prompts.tokenizer, weights, SEED)
        variant = Variant(weights, train_context(recipe))

        def judged(tasks: tuple[Task, ...]) -> tuple[Mean | None, float]:
            answered = self._predictor.predict(variant, SEED, models, None, tasks)
            spent = sum(p.seconds for answer in answered for p in answer.predictions)
            return (mean_score(answered, self._scorer) if answered else None), spent

        validation, spent = judged(plan.validation)
        retention, _ = judged(tuple(task for task in plan.tasks if task.split.kind == "retention"))
        return trial.model_copy(
            update={"validation": validation, "retention": retention, "seconds": artifact.seconds + spent}
        )


def _merit(trial: Trial) -> tuple[float, float, int]:
    """A sort key, best last: by validation; of equal ones the lower learning rate, which moves the weights less."""
    return (trial.validation.value if trial.validation else 0.0), -trial.learning_rate, -trial.number
