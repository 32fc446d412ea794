"""Writes a run's results and samples as lm-evaluation-harness writes its own, with its own functions."""

import shutil
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.errors import CacheError
from harness.pipeline.lm_eval.evaluation import evaluate
from harness.pipeline.lm_eval.library import SEED, library_errors
from harness.pipeline.lm_eval.task import LMEvalTask
from harness.pipeline.predict import Answered
from harness.runs import library_versions
from harness.variants import Variant

FOLDER = "lm_eval"


def write_results(run: Path, answered: Sequence[Answered], *, model: str, limit: int | None) -> list[Path]:
    """Writes `results_DATE.json` and `samples_TASK_DATE.jsonl` into RUN/lm_eval, a folder for each variant and seed.

    `model` is the name of the base. What an earlier run left there is replaced; nothing is written where no task of the
    library was asked. Returns the paths of all files; raises CacheError if they can't be written.
    """
    groups: dict[tuple[Variant, int], dict[LMEvalTask, Answered]] = defaultdict(dict)
    for answer in answered:
        if answer.task.lm_eval is not None and answer.predictions:
            groups[answer.variant, answer.predictions[0].seed][answer.task.lm_eval] = answer
    folder = run / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    for (variant, seed), answers in groups.items():
        name = f"{variant}/seed-{seed}" if seed else str(variant)
        _write(folder, name, evaluate(answers), {"pretrained": name, "base": model}, seed, limit)
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def _write(
    folder: Path, name: str, results: dict[str, Any], arguments: dict[str, str], seed: int, limit: int | None
) -> None:
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.utils import sanitize_model_name

    versions = library_versions(["lm_eval", "transformers"])
    results["config"] = {"model": "harness", "model_args": arguments, "limit": limit, "fewshot_seed": SEED + seed}
    results["date"] = time.time()
    results["lm_eval_version"], results["transformers_version"] = versions["lm_eval"], versions["transformers"]
    samples = results.pop("samples")
    with library_errors(f"{folder}: results can't be written as lm-evaluation-harness writes them"):
        tracker = EvaluationTracker(output_path=str(folder))
        tracker.general_config_tracker.log_experiment_args("harness", arguments, None, None, False)
        tracker.save_results_aggregated(results=results, samples=samples)
        for task in results["configs"]:
            tracker.save_results_samples(task_name=task, samples=samples[task])
    written = list((folder / sanitize_model_name(name)).glob("*_*.json*"))
    if len(written) <= len(results["configs"]):  # the library only warns of what it couldn't write
        raise CacheError(f"{folder}: the results of {name} can't be written. Free space there and repeat the command.")
