"""The cases by which an export is checked: what the run recorded of them, as check.json holds it.

A short text says little of the weights that wrote it: models that differ write the same. So its log-likelihood by the
harness's own model, restored from the cache, is recorded with it.
"""

from itertools import zip_longest
from typing import Any

import torch

from harness.errors import InputError
from harness.pipeline.export.source import Source
from harness.pipeline.models import Models
from harness.pipeline.prompts import Prompts
from harness.pipeline.tasks import Task

COUNT = 3
EXACT = (1e-3, 1e-5)  # nats, and the share of the value, that float32 may differ by
ROUNDED = (1.0, 2e-2)  # the same for 16-bit numbers, which a batch of another size moves already


def recorded_cases(source: Source, tasks: list[Task], prompts: Prompts) -> dict[str, Any]:
    """The first cases of `tasks` in turn, with what was shown and answered; raises InputError if none was asked.

    Log-likelihoods may differ by `absolute` and the share `relative` of the value, as much as between batches.
    """
    by_task = [_asked(source, task) for task in tasks]
    in_turn = [case for row in zip_longest(*by_task) for case in row if case is not None][:COUNT]
    if not in_turn:
        raise InputError(
            f"{source.run.path}: no case of {source.variant} was asked on {', '.join(t.name for t in tasks)}, so an "
            "export could not be checked against it. Export another variant."
        )
    _add_likelihoods(source, {task.name: task for task in tasks}, in_turn, prompts)
    absolute, relative = EXACT if source.plan.hardware.dtype == torch.float32 else ROUNDED
    return {"absolute": absolute, "relative": relative, "cases": in_turn}


def _asked(source: Source, task: Task) -> list[dict[str, Any]]:
    """The first cases of one task that were asked with the seed, as they were recorded."""
    weights, context = str(source.variant.weights), str(source.variant.context)
    rows = source.run.read_lines(source.run.predictions_path(weights, context, task.name))
    answers = {row["case"]: row for row in rows if row["seed"] == source.seed and not row["failure"]}
    cases = [case for case in task.split.cases if case.id in answers][:COUNT]
    return [
        {
            "split": task.name,
            "case": case.id,
            "question": case.question,
            "choices": list(case.choices),
            "expected": _expected(answers[case.id]),
        }
        for case in cases
    ]


def _expected(row: dict[str, Any]) -> dict[str, Any]:
    answer = {"loglikelihoods": row["loglikelihoods"]} if row["loglikelihoods"] else {"text": row["text"]}
    return {"prompt": row["prompt_hash"], "passages": row["passages"], **answer}


def _add_likelihoods(source: Source, tasks: dict[str, Task], cases: list[dict[str, Any]], prompts: Prompts) -> None:
    """Adds the log-likelihood of each text that was written, in nats, if there is any text."""
    plan, context = source.plan, source.variant.context
    models = Models(plan, source.trained, prompts.tokenizer, source.variant.weights, source.seed)
    for case in cases:
        answer = case["expected"].get("text", "").strip()
        if answer:
            task = tasks[case["split"]]
            place = next(number for number, one in enumerate(task.split.cases) if one.id == case["case"])
            prompt = prompts.asked(task, context, source.seed).prompts[place]
            ids = prompts.builder(plan.suite).answer(prompt, answer)
            (scored,) = models.backend(source.alpha).choose([prompt.ids], [[ids]])
            case["expected"]["loglikelihoods"] = list(scored.loglikelihoods)
