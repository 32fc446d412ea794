"""The whole road, from a request to a verdict: plan, index, tune, train, predict, score, compare.

Every stage writes what it makes before the next one reads it, so that an interrupted run goes on where it was.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from harness.comparison import (
    BaseReference,
    Comparison,
    Failure,
    SuiteReference,
    VariantReference,
    compare,
    groups_of,
    write_comparison,
    write_rows,
)
from harness.pipeline.answer import Answers, answer_all
from harness.pipeline.asked import case_rows, write_asked
from harness.pipeline.config import CompareConfig
from harness.pipeline.costs import costs
from harness.pipeline.examples import Lessons
from harness.pipeline.find import Finder
from harness.pipeline.latency import Stopwatch
from harness.pipeline.passages import passage_uses
from harness.pipeline.plan import Plan, make_plan
from harness.pipeline.predict import Predictor
from harness.pipeline.progress import Progress, Silent
from harness.pipeline.prompts import Prompts
from harness.pipeline.record import Made, signature, write_records
from harness.pipeline.requirements import check_requirements
from harness.pipeline.score import Scorer
from harness.pipeline.train import Failed, Trained, Trainer
from harness.pipeline.tune import Tuned, Tuner
from harness.runs import Cache, RunFolder, fingerprint
from harness.variants import Variant
from harness.weights import parameters, read_record


@dataclass(frozen=True)
class Result:
    """What a comparison ends with: the run folder and what it concludes."""

    run: Path
    comparison: Comparison


def run_comparison(config: CompareConfig, progress: Progress | None = None, cache: Cache | None = None) -> Result:
    """Compares all variants that `config` asks for and writes the run folder.

    A variant whose training or proofs fail is left out, and the comparison says why. Raises InputError for anything
    wrong in the request (before anything is built), ProofError or TrainingError where no variant is left, and
    CacheError where artifacts or the run can't be written.
    """
    progress, cache = progress or Silent(), cache or Cache()
    plan = make_plan(config)
    finder = Finder(plan, cache, progress)
    scorer = Scorer(plan, finder)
    check_requirements(plan, scorer)
    run = RunFolder(plan.out)
    finder.find_all()
    prompts = Prompts(plan, finder)
    prompts.build_all(progress)
    lessons = Lessons(plan, prompts, finder)
    for recipe in plan.recipes.values():
        for seed in range(config.seeds):
            lessons.of(recipe, seed)  # what can't be learnt is told before anything is trained
    predictor = Predictor(plan, prompts, cache, progress)
    tuned = _tune(plan, Tuner(plan, prompts, Trainer(plan, lessons, cache, progress), predictor, scorer))
    plan = tuned.plan
    trained, failed = Trainer(plan, lessons, cache, progress).train_all()
    plan, failures = without_failed(plan, failed)
    stopwatch = Stopwatch(plan, prompts, finder, cache, progress)
    answers = answer_all(plan, prompts, predictor, trained, scorer, stopwatch)
    with progress.task("score and compare", 2) as advance:
        rows = scorer.score(answers.answered)
        write_rows(rows, run.path)
        advance(1)
        total = parameters(plan.base)
        comparison = compare(
            rows,
            suite=_suite(plan),
            base=BaseReference(model=plan.base.name, hash=plan.base.hash, parameters=total),
            splits=scorer.references(plan.tasks),
            variants=[_variant(plan, variant, trained, answers, total) for variant in plan.variants],
            costs=costs(plan, answers, finder, trained, tuned.seconds),
            passages=passage_uses(answers.answered),
            trials=tuned.trials,
            failures=failures,
            signature=signature(plan, finder),
            paired_metrics=scorer.quality_metrics,
            metrics=scorer.signatures,
            groups=groups_of(case_rows(plan.tasks)),
            margin=config.margin,
            validation={str(variant): mean for variant, mean in answers.validation.items()},
            constraints=config.constraints,
            prices=plan.prices,
        )
        write_comparison(comparison, run.path)
        write_asked(run.path, plan, prompts, finder)
        write_records(run, Made(plan, finder, scorer, lessons, trained, answers))
        advance(1)
    return Result(plan.out, comparison)


def without_failed(plan: Plan, failed: Failed) -> tuple[Plan, list[Failure]]:
    """The plan without the variants whose weights could not be made; raises their error if no other is left."""
    failures = {v: error for v in plan.variants for chain, error in failed.items() if v.weights.stages == chain}
    left = tuple(variant for variant in plan.variants if variant not in failures)
    if not left:
        raise next(iter(failures.values()))
    return replace(plan, variants=left), [Failure(variant=str(v), reason=str(e)) for v, e in failures.items()]


def _tune(plan: Plan, tuner: Tuner) -> Tuned:
    """The plan with tuned recipes, or as it is where nothing is to be tuned."""
    return tuner.tune_all(plan.config.tune) if plan.config.tune else Tuned(plan, [], {})


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


def _variant(plan: Plan, variant: Variant, trained: Trained, answers: Answers, parameters: int) -> VariantReference:
    """The variant as the comparison knows it; several stages can't change more than all `parameters` of the base."""
    stages = variant.weights.stages
    moved = [
        read_record(trained[stages[: length + 1], 0].path)["trainable_parameters"] for length in range(len(stages))
    ]
    chosen = [
        f"alpha {answers.chosen[variant, s].alpha:g}" for s in plan.seeds(variant) if (variant, s) in answers.chosen
    ]
    return VariantReference(
        name=str(variant),
        weights=str(variant.weights),
        context=str(variant.context),
        trainable_parameters=min(sum(moved), parameters),
        after=f"{'>'.join(stages[:-1])}/{variant.context}" if len(stages) > 1 else "",
        chosen=", ".join(chosen),
    )
