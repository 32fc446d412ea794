"""Derives weights from a base: trains a recipe into a folder and proves what came out."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.weights.base import Base
from harness.weights.hardware import Hardware, own_randomness
from harness.weights.job import Job, as_bytes
from harness.weights.methods import method_of
from harness.weights.proofs import as_rows, logits, prove
from harness.weights.recipe import Recipe
from harness.weights.stages import Stage, load_start
from harness.weights.suitability import check_processes
from harness.weights.training import Example, LossOn, TrainingRecord
from harness.weights.training.examples import check
from harness.weights.training.processes import current

if TYPE_CHECKING:
    import torch

RECORD = "training.json"
PROVING_PROMPTS = 4


def derive(
    recipe: Recipe,
    base: Base,
    hardware: Hardware,
    examples: Sequence[Example],
    folder: Path,
    *,
    seed: int,
    loss_on: LossOn = "completion",
    before: Sequence[Stage] = (),
    earlier: Path | None = None,
    validation: Sequence[Example] = (),
    unfinished: Path | None = None,
    advance: Callable[[int], None] = lambda steps: None,
) -> None:
    """Trains `recipe` on `examples`, writes weights, training record and proofs to the existing `folder`.

    It starts from the base, or from what the stages `before` made of it; `earlier` is a folder that an earlier
    `derive` of the same method wrote, from whose weights it goes on. `loss_on` says whether prompts are learnt too.
    `validation` is what early stopping looks at. `unfinished` is a folder for checkpoints, from which an interrupted
    training goes on. The same seed gives the same bytes on the same machine, interrupted or not. `advance` is called
    with the number of training steps that were done since the last call.

    Where processes were launched together (`harness.weights.distributed`), this is called in the leader alone; the
    others train along.

    Raises ProofError if the trained weights are not what their name says, and InputError if the recipe doesn't fit
    the base or can't be trained on the examples.
    """
    method, _ = method_of(recipe)
    check(examples)
    check_processes(recipe, hardware)
    job = Job(recipe, base, hardware, examples, seed, loss_on, before, earlier, validation)
    with own_randomness(hardware):
        with current().joined(lambda: as_bytes(job)):
            trained = train_job(job, unfinished, advance)
        method.save(trained.model, folder)
        merges = not hardware.load_in
        start = partial(_start, job)
        proofs = prove(method, trained.model, folder, start, _prompts(job), trained.untrained, merges=merges)
    content = {"method": recipe.method, **asdict(trained.record), **current().inputs, "proofs": as_rows(proofs)}
    (folder / RECORD).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


class Trained(NamedTuple):
    """A trained model in the leader, how it was trained, and the `logits` that it had for a few prompts before."""

    model: Any
    record: TrainingRecord
    untrained: "torch.Tensor"


def train_job(job: Job, unfinished: Path | None = None, advance: Callable[[int], None] = lambda steps: None) -> Trained:
    """Trains what the job says, in all processes that were launched together; see `derive`."""
    import torch

    method, settings = method_of(job.recipe)
    processes = current()

    def attached() -> Any:
        torch.manual_seed(job.seed)  # the adapters' initial values
        model = method.attach(_start(job), settings)
        if job.earlier:
            method.reload(model, job.earlier)
        return model

    model = processes.agree(attached)
    untrained = processes.agree(lambda: logits(model, _prompts(job)) if processes.leads else torch.empty(0))
    model = processes.share_out(model)
    record = method.fit(
        model,
        settings,
        job.examples,
        job.recipe.local_training,
        seed=job.seed,
        loss_on=job.loss_on,
        validation=job.validation,
        unfinished=unfinished,
        advance=advance,
    )
    return Trained(processes.collected(model, attached), record, untrained)


def _start(job: Job) -> Any:
    """What the training starts from, fresh."""
    method, settings = method_of(job.recipe)
    return method.prepare(load_start(job.base, job.hardware, job.before), settings)


def _prompts(job: Job) -> list[tuple[int, ...]]:
    """The prompts that proofs are made on."""
    return [example.prompt for example in job.examples[:PROVING_PROMPTS]]


def read_record(folder: Path) -> dict[str, Any]:
    """What `derive` recorded in `folder`: method, steps, losses, parameter counts, proofs."""
    return json.loads((folder / RECORD).read_text(encoding="utf-8"))  # type: ignore[no-any-return]
