"""The training stage: derives the weights of every recipe and seed, as artifacts of the cache."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from harness.pipeline.plan import Plan
from harness.pipeline.progress import Progress
from harness.pipeline.prompts import Prompts
from harness.runs import JSON, Artifact, Cache, code_hash, library_versions
from harness.weights import Example, Recipe, derive, steps

LIBRARIES = ("torch", "transformers", "peft", "tokenizers", "safetensors")


def train_all(plan: Plan, prompts: Prompts, cache: Cache, progress: Progress) -> dict[tuple[str, int], Artifact]:
    """The trained weights by recipe and seed; raises ProofError if one isn't what its name says."""
    if not plan.recipes:
        return {}
    examples = prompts.examples(plan.suite.train)
    ids: list[JSON] = [[list(example.prompt), list(example.completion)] for example in examples]
    common: dict[str, JSON] = {
        "base": plan.base.hash,
        "examples": ids,
        "device": plan.hardware.device.type,
        "dtype": str(plan.hardware.dtype),
        "versions": library_versions(LIBRARIES),
        "code": code_hash("harness.weights"),
    }
    trained = {}
    for name, recipe in plan.recipes.items():
        for seed in range(plan.config.seeds):
            inputs: dict[str, JSON] = {**common, "recipe": recipe.model_dump(mode="json"), "seed": seed}
            build = partial(_build, recipe, seed, plan, examples, progress)
            trained[name, seed] = cache.artifact("weights", inputs, build)
    return trained


def _build(
    recipe: Recipe, seed: int, plan: Plan, examples: Sequence[Example], progress: Progress, folder: Path
) -> None:
    label = f"train {recipe.name}" + (f", seed {seed}" if plan.config.seeds > 1 else "")
    with progress.task(label, steps(len(examples), recipe.training)) as advance:
        derive(recipe, plan.base, plan.hardware, examples, folder, seed=seed, advance=advance)
