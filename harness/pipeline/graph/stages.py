"""The stages of one process, made once for a plan: what one piece of work loads, the next one finds."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from harness.pipeline.examples import Lessons
from harness.pipeline.find import Finder
from harness.pipeline.latency import Stopwatch
from harness.pipeline.models import Models
from harness.pipeline.plan import Plan
from harness.pipeline.predict import Predictor
from harness.pipeline.prompts import Prompts
from harness.pipeline.score import Scorer
from harness.pipeline.train import Trained, Trainer
from harness.runs import Cache, fingerprint
from harness.runs.progress import Progress
from harness.variants import Weights
from harness.weights import Recipe


class Stages:
    """All stages of `plan`, whose recipes aren't tuned yet; one model at a time stays loaded."""

    def __init__(self, plan: Plan, cache: Cache, progress: Progress) -> None:
        """Nothing is loaded before it is needed; raises InputError for metrics that can't be used."""
        self.plan, self.cache, self.progress = plan, cache, progress
        self.finder = Finder(plan, cache, progress)
        self.scorer = Scorer(plan, self.finder)
        self._trainers: dict[str, Trainer] = {}
        self._models: tuple[str, Models] | None = None

    @cached_property
    def prompts(self) -> Prompts:
        """What words the questions; raises InputError if the base has no tokenizer."""
        return Prompts(self.plan, self.finder)

    @cached_property
    def lessons(self) -> Lessons:
        """What makes the examples to train on."""
        return Lessons(self.plan, self.prompts, self.finder)

    @cached_property
    def predictor(self) -> Predictor:
        """What asks the models."""
        return Predictor(self.plan, self.prompts, self.cache, self.progress)

    @cached_property
    def stopwatch(self) -> Stopwatch:
        """What times them."""
        return Stopwatch(self.plan, self.prompts, self.finder, self.cache, self.progress)

    def tuned(self, recipes: Mapping[str, Mapping[str, Any]]) -> Plan:
        """The plan with these tuned recipes (in JSON, by name) in the place of its own."""
        found = {name: Recipe.model_validate(recipe) for name, recipe in recipes.items()}
        return replace(self.plan, recipes={**self.plan.recipes, **found})

    def trainer(self, plan: Plan) -> Trainer:
        """What trains the recipes of `plan`."""
        key = fingerprint([recipe.model_dump(mode="json") for recipe in plan.recipes.values()])
        if key not in self._trainers:
            self._trainers[key] = Trainer(plan, self.lessons, self.cache, self.progress)
        return self._trainers[key]

    def models(self, plan: Plan, weights: Weights, seed: int) -> Models:
        """The models that these weights and that seed give, trained by the recipes of `plan`."""
        trained = self.trained(plan, weights, seed)
        hashes = [artifact.hash for artifact in trained.values()]
        key = fingerprint([str(weights), seed, hashes])
        if self._models is None or self._models[0] != key:
            self._models = None  # frees what was loaded before something else is
            self._models = (key, Models(plan, trained, self.prompts.tokenizer, weights, seed))
        return self._models[1]

    def trained(self, plan: Plan, weights: Weights, seed: int) -> Trained:
        """All that was trained for these weights: of a soup, with every seed."""
        chains = [weights.stages[: length + 1] for length in range(len(weights.stages))]
        seeds = range(plan.config.seeds) if weights.alpha == "soup" else (seed,)
        return {(chain, one): self.trainer(plan).of(chain, one) for one in seeds for chain in chains}
