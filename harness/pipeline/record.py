"""What a run leaves beside its scores: predictions, what every recipe learnt, and the manifest that names all of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby
from pathlib import Path

from harness.kernels import linear_kernel
from harness.pipeline.answer import Answers
from harness.pipeline.earlier import FOLDER, Earlier
from harness.pipeline.examples import Lessons
from harness.pipeline.find import Finder, Retrieved
from harness.pipeline.lm_eval.results import write_results
from harness.pipeline.plan import Plan
from harness.pipeline.predict import Answered, as_row
from harness.pipeline.score import Scorer
from harness.pipeline.tasks import Task
from harness.pipeline.train import Trained
from harness.runs import JSON, RunFolder, fingerprint, library_versions, provenance
from harness.scoring import qrels_lines, run_lines
from harness.variants import Context
from harness.weights import read_record

RETRIEVAL = "retrieval"


@dataclass(frozen=True)
class Made:
    """All that a run made, stage by stage; `served` is what a server's replies said of themselves."""

    plan: Plan
    finder: Finder
    scorer: Scorer
    lessons: Lessons
    trained: Trained
    answers: Answers
    served: Mapping[str, JSON] = field(default_factory=dict)


def write_records(run: RunFolder, made: Made, written: Iterable[Path]) -> None:
    """Writes predictions, rankings, lessons and, last, the manifest `run.json`.

    `written` are the records of the run that were written before.
    """
    records = [
        *written,
        *_write_predictions(run, made.answers.answered),
        *_write_retrieval(run, made),
        *_write_lessons(run, made),
        *write_results(run.path, made.answers.answered, model=made.plan.base.name, limit=made.plan.config.limit),
    ]
    run.finish(_manifest(made), records)


def signature(plan: Plan, finder: Finder) -> str:
    """One line under every table: two numbers may be compared only where it is the same."""
    parts = {
        "harness": library_versions(["harness"])["harness"],
        "suite": f"{plan.suite.name}:{plan.suite.hash[:8]}",
        "base": f"{plan.base.name}:{plan.base.hash[:8]}",
        "template": fingerprint(plan.suite.prompt.model_dump(mode="json"))[:8],
        "decoding": f"greedy:{plan.suite.decoding.max_new_tokens}",
        "dtype": str(plan.hardware.dtype).removeprefix("torch."),
        "seeds": plan.config.seeds,
        "cases": plan.config.limit or "all",
    }
    if plan.config.server:
        del parts["dtype"]  # nobody tells in which number format a server computes
        parts["server"] = plan.config.server.endpoint
    if plan.hardware.load_in:
        parts["load_in"] = plan.hardware.load_in
    if plan.config.backend != "engine":
        parts["backend"] = plan.config.backend
    if plan.retrieves:
        parts["retrieval"] = fingerprint([plan.retrieval.model_dump(mode="json"), finder.embedder])[:8]
    if plan.config.tune:
        parts["tune"] = plan.config.tune
    if plan.config.loss_on != "completion":
        parts["loss_on"] = plan.config.loss_on
    return "|".join(f"{name}:{value}" for name, value in parts.items())


def _manifest(made: Made) -> dict[str, JSON]:
    """What `run.json` records: the request as it was resolved, the circumstances, and every artifact's hash."""
    plan, trained = made.plan, {_label(*key): artifact for key, artifact in made.trained.items()}
    return {
        "config": plan.config.model_dump(mode="json", exclude={"out"}),
        "variants": [str(variant) for variant in plan.variants],
        "recipes": {name: recipe.model_dump(mode="json") for name, recipe in plan.recipes.items()},
        "suite": {"name": plan.suite.name, "hash": plan.suite.hash},
        "learnt": {name: {suite.name: suite.hash for suite in suites} for name, suites in plan.learnt.items()},
        **({"served": made.served} if made.served else {}),
        "base": {"model": plan.base.name, "hash": plan.base.hash, "revision": plan.base.revision},
        "signature": signature(plan, made.finder),
        "metrics": made.scorer.signatures,
        "seeds": list(range(plan.config.seeds)),
        "left_out_of_training": {f"{recipe}/{task}": n for (recipe, task), n in made.lessons.left_out.items()},
        "hardware": {"device": str(plan.hardware.device), "dtype": str(plan.hardware.dtype), "linear": linear_kernel()},
        "provenance": provenance(),
        "artifacts": {
            "retrieved": {f"{context}/{task.name}": found.hash for context, task, found in _retrieved(made)},
            "weights": {label: artifact.hash for label, artifact in trained.items()},
            "weights_keys": {label: artifact.key for label, artifact in trained.items()},
            "predictions": {f"{a.variant}/{a.task.name}": a.hash for a in made.answers.answered},
        },
        "computed": {
            f"{a.variant}/{a.task.name}": {"mode": a.mode, **({"fallback": a.fallback} if a.fallback else {})}
            for a in made.answers.answered
        },
        "training": {label: read_record(artifact.path) for label, artifact in trained.items()},
        "chosen": {
            f"{variant}, seed {seed}": {
                "alpha": chosen.alpha,
                "validation": {f"{alpha:g}": score for alpha, score in chosen.scores.items()},
            }
            for (variant, seed), chosen in made.answers.chosen.items()
        },
    }


def _retrieved(made: Made) -> Iterator[tuple[Context, Task, Retrieved]]:
    """What each context that retrieves was shown for each task."""
    for context in made.plan.contexts:
        for task in made.plan.tasks if context.passages else ():
            yield context, task, made.finder.find(task, context)


def _write_retrieval(run: RunFolder, made: Made) -> Iterator[Path]:
    """For each context and task a TREC run, and for each task with evidence the qrels that it is judged by."""
    for context, task, found in _retrieved(made):
        relevant = {case: judged.relevant for case, judged in found.judged.items() if judged.relevant}
        ranked = (run_lines(case, judged.ranking, str(context)) for case, judged in found.judged.items())
        yield run.write_text(Path(RETRIEVAL, str(context), f"{task.name}.run"), "".join(chain.from_iterable(ranked)))
        if relevant:
            judged = (qrels_lines(case, names) for case, names in relevant.items())
            yield run.write_text(Path(RETRIEVAL, f"{task.name}.qrels"), "".join(chain.from_iterable(judged)))


def _label(stages: Sequence[str], seed: int) -> str:
    return f"{'>'.join(stages)}, seed {seed}"


def _write_lessons(run: RunFolder, made: Made) -> Iterator[Path]:
    """One file a recipe and seed: a line for every example, those of an earlier run that it went on from among them."""
    for name, recipe in made.plan.recipes.items():
        inherited = Earlier(recipe.data.continue_from, name).contents() if recipe.data.continue_from else frozenset()
        for seed in range(made.plan.config.seeds):
            rows = [lesson.as_row() for lesson in made.lessons.of(recipe, seed)]
            rows += [{"content": content, "earlier": True} for content in sorted(inherited)]
            yield run.write_lines(Path(FOLDER, name, f"seed-{seed}.jsonl"), rows)


def _write_predictions(run: RunFolder, answered: Sequence[Answered]) -> Iterator[Path]:
    """One file a variant and task; the lines of several seeds follow one another."""

    def place(answer: Answered) -> tuple[str, str, str]:
        return str(answer.variant.weights), str(answer.variant.context), answer.task.name

    for (weights, context, task), answers in groupby(sorted(answered, key=place), key=place):
        rows = [as_row(prediction) for answer in answers for prediction in answer.predictions]
        yield run.write_lines(run.predictions_path(weights, context, task), rows)
