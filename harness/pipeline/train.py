"""The training stage: derives the weights of every chain of recipes and seed, as artifacts of the cache."""

from collections.abc import Sequence
from pathlib import Path

from harness.errors import HarnessError, ProofError, TrainingError
from harness.kernels import linear_kernel
from harness.pipeline.earlier import Earlier
from harness.pipeline.examples import Lessons
from harness.pipeline.plan import Plan
from harness.pipeline.progress import Progress
from harness.runs import JSON, Artifact, Cache, code_hash, library_versions
from harness.weights import Example, Recipe, Stage, derive, steps

LIBRARIES = ("torch", "transformers", "peft", "tokenizers", "safetensors", "bitsandbytes", "trl")

Chain = tuple[str, ...]
Trained = dict[tuple[Chain, int], Artifact]
Failed = dict[Chain, HarnessError]


class Trainer:
    """Trains chains of recipes; what is in the cache is taken from there."""

    def __init__(self, plan: Plan, lessons: Lessons, cache: Cache, progress: Progress) -> None:
        self._plan, self._lessons, self._cache, self._progress = plan, lessons, cache, progress
        self._common: dict[str, JSON] = {
            "base": plan.base.hash,
            "loss_on": plan.config.loss_on,
            "device": plan.hardware.device.type,
            "dtype": str(plan.hardware.dtype),
            "versions": library_versions(LIBRARIES),
            "linear": linear_kernel(),
            "code": code_hash("harness.weights", "harness.kernels"),
        }

    def train_all(self) -> tuple[Trained, Failed]:
        """The trained weights by chain and seed, and why chains failed whose training or proofs did.

        A chain whose beginning failed fails with it.
        """
        trained: Trained = {}
        failed: Failed = {}
        for chain in self._plan.chains():
            before = [failed[chain[:length]] for length in range(1, len(chain)) if chain[:length] in failed]
            try:
                if before:
                    raise before[0]
                trained.update(self._train_chain(chain, trained))
            except (TrainingError, ProofError) as error:
                failed[chain] = error
        return trained, failed

    def _train_chain(self, chain: Chain, done: Trained) -> Trained:
        """All seeds of one chain, on top of what was `done` before it."""
        *stages, last = (self._plan.recipes[name] for name in chain)
        trained: Trained = {}
        for seed in range(self._plan.config.seeds):
            before = [(recipe, done[chain[: place + 1], seed]) for place, recipe in enumerate(stages)]
            trained[chain, seed] = self.train(last, seed, before)
        return trained

    def train(self, recipe: Recipe, seed: int, before: Sequence[tuple[Recipe, Artifact]] = ()) -> Artifact:
        """The weights of `recipe`, trained with `seed` on top of what the recipes `before` made."""
        examples = [lesson.example for lesson in self._lessons.of(recipe, seed)]
        stops_early = recipe.training.early_stopping is not None
        validation = self._lessons.validation(recipe, seed) if stops_early else []
        earlier = self._earlier(recipe, seed)
        inputs: dict[str, JSON] = {
            **self._common,
            "recipe": recipe.model_dump(mode="json", exclude={"search", "data"}),
            "examples": _ids(examples),
            "validation": _ids(validation),
            "before": [artifact.hash for _, artifact in before],
            "earlier": earlier.hash if earlier else None,
            "seed": seed,
        }

        def build(folder: Path) -> None:
            with self._progress.task(
                self._label(recipe, seed, before), steps(len(examples), recipe.training)
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
