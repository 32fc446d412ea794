"""Derives weights from a base: trains a recipe into a folder and proves what came out."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.weights.base import Base
from harness.weights.hardware import Hardware, own_randomness
from harness.weights.methods import method_of
from harness.weights.proofs import as_rows, logits, prove
from harness.weights.recipe import Recipe
from harness.weights.stages import Stage, load_start
from harness.weights.training import Example, LossOn
from harness.weights.training.examples import check

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

    Raises ProofError if the trained weights are not what their name says, and InputError if the recipe doesn't fit
    the base or can't be trained on the examples.
    """
    import torch

    method, settings = method_of(recipe)
    check(examples)

    def fresh_start() -> Any:
        return method.prepare(load_start(base, hardware, before), settings)

    with own_randomness(hardware):
        torch.manual_seed(seed)  # the adapters' initial values
        model = method.attach(fresh_start(), settings)
        if earlier:
            method.reload(model, earlier)
        prompts = [example.prompt for example in examples[:PROVING_PROMPTS]]
        untrained = logits(model, prompts)
        record = method.fit(
            model,
            settings,
            examples,
            recipe.training,
            seed=seed,
            loss_on=loss_on,
            validation=validation,
            unfinished=unfinished,
            advance=advance,
        )
        method.save(model, folder)
        proofs = prove(method, model, folder, fresh_start, prompts, untrained)
    content = {"method": recipe.method, **asdict(record), "proofs": as_rows(proofs)}
    (folder / RECORD).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_record(folder: Path) -> dict[str, Any]:
    """What `derive` recorded in `folder`: method, steps, losses, parameter counts, proofs."""
    return json.loads((folder / RECORD).read_text(encoding="utf-8"))  # type: ignore[no-any-return]
