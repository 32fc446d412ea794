"""What is kept of a finished fine-tuning job: the model's name, what it was made of, and a training record."""

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from statistics import fmean
from typing import Any

from harness.api.job_records import Event, Job
from harness.weights import RECORD

SERVED = "served.json"


def write_made(folder: Path, job: Job, events: Sequence[Event]) -> None:
    """Writes the files of the artifact that a `job` with these `events` came to."""
    _write(folder / SERVED, _served(job))
    _write(folder / RECORD, _record(job, events))


def served_model(folder: Path) -> str:
    """The name by which the server knows the model that the artifact in `folder` is about."""
    return str(json.loads((folder / SERVED).read_text(encoding="utf-8"))["model"])


def _served(job: Job) -> dict[str, Any]:
    """What is asked later, and what it was made of."""
    return {
        "model": job.model,
        "job": job.id,
        "base": job.base,
        "trained_tokens": job.trained_tokens,
        "seconds": job.seconds,
        "hyperparameters": job.hyperparameters,
        "seed": job.seed,
        "training_file": job.training_file,
        "result_files": list(job.result_files),
    }


def _record(job: Job, events: Sequence[Event]) -> dict[str, Any]:
    """The training record, as far as a provider tells: how many parameters moved it doesn't."""
    steps = [event.numbers for event in events if "step" in event.numbers]
    epochs = job.hyperparameters.get("n_epochs")
    parts = epochs if isinstance(epochs, int) and epochs > 0 else 1
    return {
        "method": "api-finetune",
        "steps": int(max((numbers["step"] for numbers in steps), default=0)),
        "losses": means(steps, "train_loss", parts),
        "validation_losses": means(steps, "valid_loss", parts),
        "trainable_parameters": None,
        "parameters": None,
        "trained_tokens": job.trained_tokens or 0,
        "seconds": job.seconds,
        "model": job.model,
        "job": job.id,
    }


def means(steps: Sequence[Mapping[str, int | float]], name: str, epochs: int) -> list[float]:
    """The mean of the number `name` over each of `epochs` equally long parts of the steps, as far as it was told."""
    told = sorted((numbers["step"], numbers[name]) for numbers in steps if name in numbers)
    last = max((numbers.get("total_steps", numbers["step"]) for numbers in steps), default=0)

    def epoch(one: tuple[float, float]) -> int:
        return min(epochs - 1, int((one[0] - 1) * epochs / last)) if last else 0

    return [fmean(value for _, value in part) for _, part in groupby(told, key=epoch)]


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
