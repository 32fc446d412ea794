"""The whole road, from a request to a verdict: plan, index, train, predict, score, compare.

Every stage writes what it makes before the next one reads it, so that an interrupted run goes on where it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import cast

from harness.comparison import (
    BaseReference,
    Comparison,
    SplitKind,
    SplitReference,
    SuiteReference,
    VariantReference,
    compare,
    write_comparison,
    write_rows,
)
from harness.pipeline.config import CompareConfig
from harness.pipeline.costs import costs
from harness.pipeline.index import Indexer, Retrieved
from harness.pipeline.plan import Plan, make_plan
from harness.pipeline.predict import Answered, Predictor, as_row
from harness.pipeline.progress import Progress, Silent
from harness.pipeline.prompts import Prompts
from harness.pipeline.score import score_all
from harness.pipeline.train import train_all
from harness.runs import JSON, Artifact, Cache, RunFolder, fingerprint, library_versions, provenance
from harness.scoring import QUALITY_METRICS
from harness.weights import parameters, read_record


@dataclass(frozen=True)
class Result:
    """What a comparison ends with: the run folder and what it concludes."""

    run: Path
    comparison: Comparison


def run_comparison(config: CompareConfig, progress: Progress | None = None, cache: Cache | None = None) -> Result:
    """Compares all variants that `config` asks for and writes the run folder.

    Raises InputError for anything wrong in the request (before anything is built), ProofError for weights that are
    not what their name says, and CacheError where artifacts or the run can't be written.
    """
    progress, cache = progress or Silent(), cache or Cache()
    plan = make_plan(config)
    run = RunFolder(plan.out)
    retrieved = _retrieve(plan, cache, progress)
    prompts = Prompts(plan, retrieved)
    prompts.build_all(progress)
    trained = train_all(plan, prompts, cache, progress)
    answered = Predictor(plan, prompts, trained, cache, progress).predict_all()
    _write_predictions(run, answered)
    with progress.task("score and compare", 2) as advance:
        rows = score_all(plan, answered, retrieved)
        write_rows(rows, run.path)
        advance(1)
        comparison = compare(
            rows,
            suite=SuiteReference(name=plan.suite.name, hash=plan.suite.hash),
            base=BaseReference(model=plan.base.name, hash=plan.base.hash, parameters=parameters(plan.base)),
            splits=[SplitReference(name=s.name, kind=cast(SplitKind, s.kind), n=len(s.cases)) for s in plan.splits],
            variants=_variants(plan, trained),
            costs=costs(plan, answered, retrieved, trained),
            signature=signature(plan),
            paired_metrics=QUALITY_METRICS,
        )
        write_comparison(comparison, run.path)
        run.write_manifest(_manifest(plan, retrieved, trained, answered))
        advance(1)
    return Result(plan.out, comparison)


def signature(plan: Plan) -> str:
    """One line under every table: two numbers may be compared only where it is the same."""
    decoding = plan.suite.decoding
    parts = {
        "harness": library_versions(["harness"])["harness"],
        "suite": f"{plan.suite.name}:{plan.suite.hash[:8]}",
        "base": f"{plan.base.name}:{plan.base.hash[:8]}",
        "template": fingerprint(plan.suite.prompt.model_dump(mode="json"))[:8],
        "decoding": f"greedy:{decoding.max_new_tokens}",
        "dtype": str(plan.hardware.dtype).removeprefix("torch."),
        "seeds": plan.config.seeds,
        "cases": plan.config.limit or "all",
    }
    return "|".join(f"{name}:{value}" for name, value in parts.items())


def _retrieve(plan: Plan, cache: Cache, progress: Progress) -> dict[str, Retrieved]:
    if not plan.passages:
        return {}
    indexer = Indexer(plan, cache, progress)
    return {split.name: indexer.retrieve(split) for split in plan.splits}


def _variants(plan: Plan, trained: Mapping[tuple[str, int], Artifact]) -> list[VariantReference]:
    moved = {recipe: read_record(artifact.path)["trainable_parameters"] for (recipe, _), artifact in trained.items()}
    return [
        VariantReference(
            name=str(variant),
            weights=str(variant.weights),
            context=str(variant.context),
            trainable_parameters=moved.get(variant.weights.recipe, 0),
        )
        for variant in plan.variants
    ]


def _manifest(
    plan: Plan,
    retrieved: Mapping[str, Retrieved],
    trained: Mapping[tuple[str, int], Artifact],
    answered: Sequence[Answered],
) -> dict[str, JSON]:
    """What `run.json` records: the request as it was resolved, the circumstances, and every artifact's hash."""
    return {
        "config": plan.config.model_dump(mode="json", exclude={"out"}),
        "variants": [str(variant) for variant in plan.variants],
        "recipes": {name: recipe.model_dump(mode="json") for name, recipe in plan.recipes.items()},
        "suite": {"name": plan.suite.name, "hash": plan.suite.hash},
        "base": {"model": plan.base.name, "hash": plan.base.hash},
        "signature": signature(plan),
        "seeds": list(range(plan.config.seeds)),
        "hardware": {"device": str(plan.hardware.device), "dtype": str(plan.hardware.dtype)},
        "provenance": provenance(),
        "artifacts": {
            "indexes": {split: found.index.hash for split, found in retrieved.items()},
            "weights": {f"{recipe}, seed {seed}": artifact.hash for (recipe, seed), artifact in trained.items()},
            "predictions": {f"{a.variant}/{a.split}": a.artifact.hash for a in answered},
        },
        "training": {f"{recipe}, seed {seed}": read_record(a.path) for (recipe, seed), a in trained.items()},
    }


def _write_predictions(run: RunFolder, answered: Sequence[Answered]) -> None:
    """One file a variant and split; the lines of several seeds follow one another."""

    def place(answer: Answered) -> tuple[str, str, str]:
        return str(answer.variant.weights), str(answer.variant.context), answer.split

    for (weights, context, split), answers in groupby(sorted(answered, key=place), key=place):
        rows = [as_row(prediction) for answer in answers for prediction in answer.predictions]
        run.write_lines(run.predictions_path(weights, context, split), rows)
