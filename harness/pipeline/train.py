"""The training stage: derives the weights of a chain of recipes and a seed, as artifacts of the cache."""

from collections.abc import Sequence
from pathlib import Path

from harness.errors import HarnessError
from harness.kernels import linear_kernel
from harness.pipeline.earlier import Earlier
from harness.pipeline.examples import Lessons
from harness.pipeline.plan import Plan
from harness.runs import JSON, Artifact, Cache, code_hash, fingerprint, library_versions
from harness.runs.progress import Progress
from harness.weights import Example, Recipe, Stage, derive, process_inputs, steps

LIBRARIES = ("torch", "transformers", "peft", "tokenizers", "safetensors", "bitsandbytes", "trl")

NOT_LEARNT = {"name", "description", "search", "data"}  # of a recipe: examples stand in the key themselves

Chain = tuple[str, ...]
Trained = dict[tuple[Chain, int], Artifact]
Failed = dict[Chain, HarnessError]


class Trainer:
    """Trains chains of recipes, each only once; what is in the cache is taken from there."""

    def __init__(self, plan: Plan, lessons: Lessons, cache: Cache, progress: Progress) -> None:
        self._plan, self._lessons, self._cache, self._progress = plan, lessons, cache, progress
        self._done: dict[tuple[str, int], Artifact] = {}
        self._common: dict[str, JSON] = {
            "base": plan.base.hash,
            "loss_on": plan.config.loss_on,
            **plan.hardware.identity,
            "versions": library_versions(LIBRARIES),
            "linear": linear_kernel(),
            "code": code_hash("harness.weights", "harness.kernels"),
            **process_inputs(),
        }

    def of(self, chain: Chain, seed: int) -> Artifact:
        """The weights of one chain and seed, after those of its beginning; raises what `train` raises."""
        key = (fingerprint([self._plan.recipes[name].model_dump(mode="json") for name in chain]), seed)
        if key not in self._done:
            *stages, last = (self._plan.recipes[name] for name in chain)
            before = [(recipe, self.of(chain[: place + 1], seed)) for place, recipe in enumerate(stages)]
            self._done[key] = self.train(last, seed, before)
        return self._done[key]

    def train(self, recipe: Recipe, seed: int, before: Sequence[tuple[Recipe, Artifact]] = ()) -> Artifact:
        """The weights of `recipe`, trained with `seed` on top of what the recipes `before` made.

        Raises TrainingError or ProofError where they can't be made.
        """
        examples = [lesson.example for lesson in self._lessons.of(recipe, seed)]
        stops_early = recipe.local_training.early_stopping is not None
        validation = self._lessons.validation(recipe, seed) if stops_early else []
        earlier = self._earlier(recipe, seed)
        inputs: dict[str, JSON] = {
            **self._common,
            "recipe": recipe.model_dump(mode="json", exclude=NOT_LEARNT),
            "examples": _ids(examples),
            "validation": _ids(validation),
            "before": [artifact.hash for _, artifact in before],
            "earlier": earlier.hash if earlier else None,
            "seed": seed,
        }

        def build(folder: Path) -> None:
            with self._progress.task(
                self._label(recipe, seed, before), steps(len(examples), recipe.local_training)
            ) as advance:
                derive(
                    recipe,
                    self._plan.base,
                    self._plan.hardware,
                    examples,
                    folder,
                    seed=seed,
                    before=[Stage(stage, artifact.path) for stage, artifact in before],
                    earlier=earlier.path if earlier else None,
                    loss_on=self._plan.config.loss_on,
                    validation=validation,
                    unfinished=self._cache.unfinished("weights", inputs),
                    advance=advance,
                )

        return self._cache.artifact("weights", inputs, build)

    def _earlier(self, recipe: Recipe, seed: int) -> Artifact | None:
        """The weights that the recipe goes on from, if it does."""
        run = recipe.data.continue_from
        return Earlier(run, recipe.name).weights(seed, self._plan.base.hash, self._cache) if run else None

    def _label(self, recipe: Recipe, seed: int, before: Sequence[tuple[Recipe, Artifact]]) -> str:
        name = ">".join([*(stage.name for stage, _ in before), recipe.name])
        return f"train {name}" + (f", seed {seed}" if self._plan.config.seeds > 1 else "")


def _ids(examples: Sequence[Example]) -> list[JSON]:
    return [[list(example.prompt), list(example.completion), list(example.rejected)] for example in examples]
