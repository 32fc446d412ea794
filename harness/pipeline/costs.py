"""What each variant cost: to build, to ask, and to ship. Pure arithmetic over what the stages measured."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from harness.comparison import Cost
from harness.pipeline.find import Finder
from harness.pipeline.plan import Plan
from harness.pipeline.predict import Answered, Prediction
from harness.pipeline.train import Trained
from harness.runs import Artifact
from harness.variants import Variant, Weights
from harness.weights import method_of


def costs(
    plan: Plan,
    answered: Sequence[Answered],
    finder: Finder,
    trained: Trained,
    tuning: Mapping[str, float],
) -> list[Cost]:
    """One row a variant; with several seeds, the mean of what one seed costs (a soup needs them all).

    Of the corpus revisions only the largest index counts: it is the one that a deployment would ship. `tuning` has the
    seconds that each recipe was tuned for.
    """
    predictions: dict[Variant, list[Prediction]] = {variant: [] for variant in plan.variants}
    for answer in answered:
        predictions[answer.variant] += [prediction for prediction in answer.predictions if not prediction.failure]
    rows = []
    for variant, asked in predictions.items():
        stages = [_of_chain(trained, chain) for chain in _chains(variant.weights)]
        trainings = plan.config.seeds if variant.weights.alpha == "soup" else 1
        found = [finder.find(task, variant.context) for task in plan.tasks] if variant.context.passages else []
        index = max(found, key=lambda one: one.bytes, default=None)
        rows.append(
            Cost(
                variant=str(variant),
                build_seconds=trainings * sum(_mean(a.seconds for a in stage) for stage in stages)
                + sum(tuning.get(recipe, 0.0) for recipe in variant.weights.stages)
                + (index.build_seconds if index else 0.0),
                seconds_per_query=_mean(p.seconds for p in asked) + _mean(one.seconds_per_query for one in found),
                prompt_tokens_per_query=_mean(p.prompt_tokens for p in asked) + _virtual_tokens(plan, variant.weights),
                generated_tokens_per_query=_mean(p.generated_tokens for p in asked),
                artifact_bytes=round(sum(_mean(a.bytes for a in stage) for stage in stages))
                + (index.bytes if index else 0),
            )
        )
    return rows


def _chains(weights: Weights) -> list[tuple[str, ...]]:
    """What was trained for these weights, stage by stage."""
    return [weights.stages[: length + 1] for length in range(len(weights.stages))]


def _of_chain(trained: Trained, chain: tuple[str, ...]) -> list[Artifact]:
    return [artifact for (stages, _), artifact in trained.items() if stages == chain]


def _virtual_tokens(plan: Plan, weights: Weights) -> int:
    """The tokens that the recipe itself puts before each prompt."""
    if not weights.trained:
        return 0
    method, settings = method_of(plan.recipes[weights.stages[-1]])
    return method.virtual_tokens(settings)


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return fmean(found) if found else 0.0
