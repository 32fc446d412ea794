"""What each variant cost: to build, to ask, and to ship. Pure arithmetic over what the stages measured."""

from collections.abc import Iterable, Mapping
from statistics import fmean

from harness.comparison import Cost
from harness.pipeline.answer import Answers
from harness.pipeline.find import Finder, Retrieved
from harness.pipeline.plan import Plan
from harness.pipeline.predict import Prediction
from harness.pipeline.train import Trained
from harness.runs import Artifact
from harness.variants import Variant, Weights
from harness.weights import Arithmetic, arithmetic, method_of, read_record


def costs(plan: Plan, answers: Answers, finder: Finder, trained: Trained, tuning: Mapping[str, float]) -> list[Cost]:
    """One row a variant; with several seeds, the mean of what one seed costs (a soup needs them all).

    Of the corpus revisions only the largest index counts: it is the one that a deployment would ship. `tuning` has the
    seconds that each recipe was tuned for. What queries take is None where none was answered.
    """
    predictions: dict[Variant, list[Prediction]] = {variant: [] for variant in plan.variants}
    for answer in answers.answered:
        predictions[answer.variant] += [prediction for prediction in answer.predictions if not prediction.failure]
    sizes = None if plan.config.server else arithmetic(plan.base)
    rows = []
    for variant, asked in predictions.items():
        stages = [_of_chain(trained, chain) for chain in _chains(variant.weights)]
        trainings = plan.config.seeds if variant.weights.alpha == "soup" else 1
        found = [finder.find(task, variant.context) for task in plan.tasks] if variant.context.passages else []
        index = max(found, key=lambda one: one.bytes, default=None)
        train = trainings * sum(_mean(_seconds(a) for a in stage) for stage in stages)
        tune = sum(tuning.get(recipe, 0.0) for recipe in variant.weights.stages)
        virtual, latency = _virtual_tokens(plan, variant.weights), answers.latency.get(variant)
        searching = _mean(one.seconds_per_query for one in found)
        rows.append(
            Cost(
                variant=str(variant),
                build_seconds=train + tune + (index.build_seconds if index else 0.0),
                index_seconds=index.build_seconds if index else 0.0,
                train_seconds=train,
                tune_seconds=tune,
                seconds_per_query=_mean(p.seconds for p in asked) + searching if asked else None,
                p50_seconds=latency.percentile(0.5) if latency else None,
                p95_seconds=latency.percentile(0.95) if latency else None,
                prompt_tokens_per_query=_mean(p.prompt_tokens for p in asked) + virtual if asked else None,
                generated_tokens_per_query=_mean(p.generated_tokens for p in asked) if asked else None,
                flops_per_query=_mean(sizes.operations(_tokens(p) + virtual) for p in asked)
                if sizes and asked
                else None,
                memory_bytes=_memory(plan, sizes, latency.weight_bytes, asked, virtual, index)
                if sizes and latency
                else None,
                trained_tokens=_trained_tokens(stages),
                artifact_bytes=round(sum(_mean(a.bytes for a in stage) for stage in stages))
                + (index.bytes if index else 0),
                served=plan.config.server is not None,
            )
        )
    return rows


def _seconds(artifact: Artifact) -> float:
    """How long a training took: where a provider did it, by its own clock, since we may have come back to it later."""
    told = read_record(artifact.path).get("seconds")
    return artifact.seconds if told is None else float(told)


def _trained_tokens(stages: Iterable[Iterable[Artifact]]) -> float | None:
    """The tokens that a provider bills for training; None where it was done here."""
    told = [read_record(artifact.path).get("trained_tokens") for stage in stages for artifact in stage]
    return _mean(tokens for tokens in told if tokens is not None) if told and None not in told else None


def _tokens(prediction: Prediction) -> int:
    """How many tokens were read or written for one case: its prompt, its answer, or all of its choices."""
    return prediction.prompt_tokens + prediction.generated_tokens + sum(prediction.choice_tokens)


def _memory(
    plan: Plan,
    sizes: Arithmetic,
    weights: int,
    asked: Iterable[Prediction],
    virtual: int,
    index: Retrieved | None,
) -> int:
    """The bytes of weights, index, and the keys and values of the longest case."""
    longest = max((_tokens(prediction) for prediction in asked), default=0) + virtual
    return weights + sizes.kept * longest * plan.hardware.dtype.itemsize + (index.bytes if index else 0)


def _chains(weights: Weights) -> list[tuple[str, ...]]:
    """What was trained for these weights, stage by stage."""
    return [weights.stages[: length + 1] for length in range(len(weights.stages))]


def _of_chain(trained: Trained, chain: tuple[str, ...]) -> list[Artifact]:
    return [artifact for (stages, _), artifact in trained.items() if stages == chain]


def _virtual_tokens(plan: Plan, weights: Weights) -> int:
    """The tokens that the recipe itself puts before each prompt."""
    if not weights.trained or plan.config.server:
        return 0
    method, settings = method_of(plan.recipes[weights.stages[-1]])
    return method.virtual_tokens(settings)


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return fmean(found) if found else 0.0
