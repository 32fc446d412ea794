"""What each variant cost: to build, to ask, and to ship. Pure arithmetic over what the stages measured."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from harness.comparison import Cost
from harness.pipeline.index import Retrieved
from harness.pipeline.plan import Plan
from harness.pipeline.predict import Answered, Prediction
from harness.runs import Artifact
from harness.variants import Variant


def costs(
    plan: Plan,
    answered: Sequence[Answered],
    retrieved: Mapping[str, Retrieved],
    trained: Mapping[tuple[str, int], Artifact],
) -> list[Cost]:
    """One row a variant; with several seeds, the mean of what one seed costs.

    Only the largest index counts: it is the one that a deployment would ship.
    """
    predictions: dict[Variant, list[Prediction]] = {variant: [] for variant in plan.variants}
    for answer in answered:
        predictions[answer.variant] += answer.predictions
    index = max((found.index for found in retrieved.values()), key=lambda artifact: artifact.bytes, default=None)
    searching = fmean(found.seconds_per_query for found in retrieved.values()) if retrieved else 0.0
    rows = []
    for variant, asked in predictions.items():
        weights = [artifact for (recipe, _), artifact in trained.items() if recipe == variant.weights.recipe]
        shipped = index if variant.context.passages else None
        rows.append(
            Cost(
                variant=str(variant),
                build_seconds=_mean(a.seconds for a in weights) + (shipped.seconds if shipped else 0.0),
                seconds_per_query=_mean(p.seconds for p in asked) + (searching if shipped else 0.0),
                prompt_tokens_per_query=_mean(p.prompt_tokens for p in asked),
                generated_tokens_per_query=_mean(p.generated_tokens for p in asked),
                artifact_bytes=round(_mean(a.bytes for a in weights)) + (shipped.bytes if shipped else 0),
            )
        )
    return rows


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return fmean(found) if found else 0.0
