"""What is exported: one variant of a run, with what the run and the cache still hold of it.

Every reason why it can't be exported comes to light here, before anything is written.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness._settings import validate
from harness.comparison import Comparison, read_comparison
from harness.errors import InputError, UnknownNameError
from harness.pipeline.config import CompareConfig
from harness.pipeline.lm_eval import PREFIX
from harness.pipeline.models import Alpha
from harness.pipeline.plan import Plan, make_plan
from harness.pipeline.train import Trained
from harness.runs import Cache, RunFolder
from harness.variants import Variant
from harness.weights import Recipe

NOT_FOR_USE = {
    "oracle": "it shows the evidence of each case, which nobody knows when a question is new",
    "random": "it shows passages that are drawn by chance, which only tells what their mere presence does",
}


@dataclass(frozen=True)
class Source:
    """One variant and seed of a run; `alpha` is what `@best` stands for, or what its name says (None: trained)."""

    run: RunFolder
    manifest: dict[str, Any]
    comparison: Comparison
    plan: Plan
    variant: Variant
    seed: int
    alpha: Alpha
    trained: Trained

    @property
    def seeds(self) -> range:
        """The seeds of the trainings that the weights are made of: all of them for a soup."""
        every = self.variant.weights.alpha == "soup"
        return range(self.plan.config.seeds) if every else range(self.seed, self.seed + 1)


def open_source(folder: Path, name: str, seed: int, cache: Cache) -> Source:
    """The variant called `name` of the run in `folder`, with `seed`; raises InputError where it can't be exported."""
    run = RunFolder.existing(folder)
    manifest = run.read_json("run.json")
    if "artifacts" not in manifest:
        raise InputError(f"{folder}: that run was never finished, so it has nothing to export. Run it again.")
    run.verify()
    if name not in manifest["variants"]:
        raise UnknownNameError("variant", name, manifest["variants"], place=str(folder))
    variant, plan = Variant.parse(name), _plan(folder, manifest, name)
    if seed not in plan.seeds(variant):
        seeds = ", ".join(map(str, plan.seeds(variant)))
        raise InputError(f"{folder}: {name} was not run with seed {seed}. Give one of these: {seeds}.")
    alpha: Alpha = variant.weights.alpha if isinstance(variant.weights.alpha, float) else None
    if variant.weights.alpha == "best":
        alpha = manifest["chosen"][f"{name}, seed {seed}"]["alpha"]
    source = Source(run, manifest, read_comparison(folder), plan, variant, seed, alpha, {})
    return replace(source, trained=_trained(source, folder, cache))


def _plan(folder: Path, manifest: dict[str, Any], name: str) -> Plan:
    """The plan of the run for this variant alone, with the run's own recipes; raises InputError."""
    asked = validate(manifest["config"], CompareConfig, place=f"{folder / 'run.json'}: config")
    if asked.suite.startswith(PREFIX):
        raise InputError(
            f"{folder}: its prompts are those of {asked.suite}, which lm-evaluation-harness words, so there is no "
            "prompt template to export. Compare a suite of your own questions, and export from that run."
        )
    if asked.server:
        raise InputError(
            f"{folder}: its models are behind a server, which gives no weights, so there is nothing to export. Call "
            "the server with the prompts in RUN/prompts, or compare a base that is here."
        )
    if asked.trust_code:
        raise InputError(
            f"{folder}: its base runs code of its own, which a run folder can't ask for and an export doesn't "
            "bring along. Export a run on a base of an architecture that transformers knows."
        )
    alone: dict[str, Any] = {"variants": (name,), "weights": (), "contexts": (), "retention": (), "lm_eval_tasks": None}
    plan = make_plan(asked.model_copy(update={**alone, "tune": 0, "device": "auto", "out": folder}))
    problems = [
        f"{folder}: the {what} has changed since that run ({was[:8]}…, now {now[:8]}…), so what would be exported is "
        "not what was scored. Run the comparison again, or bring the old files back."
        for what, was, now in (
            ("suite", manifest["suite"]["hash"], plan.suite.hash),
            ("base model", manifest["base"]["hash"], plan.base.hash),
        )
        if was != now
    ]
    context = Variant.parse(name).context
    kind = plan.retrieval.retriever(context.retriever).kind
    if context.passages and kind in NOT_FOR_USE:
        problems.append(f"{name} can't be exported: the retriever {kind} is for comparing, {NOT_FOR_USE[kind]}.")
    if problems:
        raise InputError("\n".join(problems))
    recipes = {key: Recipe.model_validate(value) for key, value in manifest["recipes"].items()}
    return replace(plan, recipes=recipes)


def _trained(source: Source, folder: Path, cache: Cache) -> Trained:
    """The trained weights as the run recorded them; raises InputError for those that are no longer there."""
    stages, artifacts = source.variant.weights.stages, source.manifest["artifacts"]
    trained: Trained = {}
    lost = []
    for seed in source.seeds:
        for chain in (stages[: length + 1] for length in range(len(stages))):
            label = f"{'>'.join(chain)}, seed {seed}"
            found = cache.get("weights", artifacts["weights_keys"][label])
            if found is None or found.hash != artifacts["weights"][label]:
                lost.append(label)
            else:
                trained[chain, seed] = found
    if lost:
        raise InputError(
            f"{folder}: the weights of {'; '.join(lost)} are no longer in the cache ({cache.root}), so there is no "
            "model to export. Repeat the `harness compare` that made this run (its run.json holds the request under "
            "`config`): it trains them again."
        )
    return trained
