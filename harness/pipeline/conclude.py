"""What a run ends with: every answer scored, every pair compared, and all of it written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.comparison import (
    COSTS_FILE,
    BaseReference,
    Comparison,
    Failure,
    SuiteReference,
    Trial,
    VariantReference,
    compare,
    groups_of,
    write_comparison,
    write_rows,
)
from harness.pipeline.answer import Answers
from harness.pipeline.asked import case_rows, write_asked
from harness.pipeline.costs import costs
from harness.pipeline.graph import Stages
from harness.pipeline.passages import passage_uses
from harness.pipeline.plan import Plan
from harness.pipeline.record import Made, signature, write_records
from harness.pipeline.train import Trained
from harness.runs import JSON, RunFolder, fingerprint
from harness.variants import Variant
from harness.weights import parameters, read_record


@dataclass(frozen=True)
class Done:
    """All that was computed or asked: the plan without the variants that failed, and what the others answered.

    `trials` are all that tuning tried, `tuning` the seconds that it took for each recipe, `served` what a server's
    replies said of themselves, for the manifest.
    """

    plan: Plan
    trained: Trained
    answers: Answers
    failures: Sequence[Failure]
    trials: Sequence[Trial] = ()
    tuning: Mapping[str, float] = field(default_factory=dict)
    served: Mapping[str, JSON] = field(default_factory=dict)


def conclude(run: RunFolder, stages: Stages, done: Done) -> Comparison:
    """Scores and compares what was `done`, and writes the records of `run`, the manifest last."""
    plan, answers, config = done.plan, done.answers, done.plan.config
    with stages.progress.task("score and compare", 2) as advance, run.writing():
        rows = stages.scorer.score(answers.answered)
        written = [write_rows(rows, run.path)]
        advance(1)
        total = None if config.server else parameters(plan.base)
        comparison = compare(
            rows,
            suite=_suite(plan),
            base=BaseReference(model=plan.base.name, hash=plan.base.hash, parameters=total),
            splits=stages.scorer.references(plan.tasks),
            variants=[_variant(plan, variant, done.trained, answers, total) for variant in plan.variants],
            costs=costs(plan, answers, stages.finder, done.trained, done.tuning),
            passages=passage_uses(answers.answered),
            trials=done.trials,
            failures=done.failures,
            signature=signature(plan, stages.finder),
            paired_metrics=stages.scorer.quality_metrics,
            metrics=stages.scorer.signatures,
            groups=groups_of(case_rows(plan.tasks)),
            margin=config.margin,
            validation={str(variant): mean for variant, mean in answers.validation.items()},
            constraints=config.constraints,
            prices=plan.prices,
        )
        written += [write_comparison(comparison, run.path), run.path / COSTS_FILE]
        written += write_asked(run.path, plan, stages.prompts, stages.finder)
        made = Made(plan, stages.finder, stages.scorer, stages.lessons, done.trained, answers, done.served)
        write_records(run, made, written)
        advance(1)
    return comparison


def _suite(plan: Plan) -> SuiteReference:
    """The suite as the comparison knows it; its hash covers the other suites of which splits are asked too."""
    suite = plan.suite
    others = sorted({task.suite.hash for task in plan.tasks} - {suite.hash})
    return SuiteReference(
        name=suite.name,
        hash=fingerprint([suite.hash, *others]) if others else suite.hash,
        template=fingerprint(suite.prompt.model_dump(mode="json")),
        sources=[str(source) for source in suite.sources],
        notes=list(suite.notes),
    )


def _variant(
    plan: Plan, variant: Variant, trained: Trained, answers: Answers, parameters: int | None
) -> VariantReference:
    """The variant as the comparison knows it; several stages can't change more than all `parameters` of the base."""
    stages = variant.weights.stages
    chosen = [
        f"alpha {answers.chosen[variant, s].alpha:g}" for s in plan.seeds(variant) if (variant, s) in answers.chosen
    ]
    return VariantReference(
        name=str(variant),
        weights=str(variant.weights),
        context=str(variant.context),
        trainable_parameters=_trained_parameters(stages, trained, parameters),
        after=f"{'>'.join(stages[:-1])}/{variant.context}" if len(stages) > 1 else "",
        chosen=", ".join(chosen),
    )


def _trained_parameters(stages: Sequence[str], trained: Trained, parameters: int | None) -> int | None:
    """How many parameters these `stages` changed; None of a model behind a server, which doesn't tell."""
    if not stages or parameters is None:
        return None if stages else 0
    chains = [tuple(stages[: length + 1]) for length in range(len(stages))]
    moved = sum(int(read_record(trained[chain, 0].path)["trainable_parameters"]) for chain in chains)
    return min(moved, parameters)
