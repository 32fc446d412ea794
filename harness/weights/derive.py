"""Derives weights from a base: trains a recipe into a folder, and restores models from such folders."""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.errors import InputError
from harness.weights.base import Base
from harness.weights.hardware import Hardware
from harness.weights.interpolation import lerp_into
from harness.weights.methods import method_of
from harness.weights.proofs import as_rows, prove
from harness.weights.recipe import Recipe
from harness.weights.stages import Stage, load_start
from harness.weights.training import Example

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
    before: Sequence[Stage] = (),
    earlier: Path | None = None,
    validation: Sequence[Example] = (),
    unfinished: Path | None = None,
    advance: Callable[[int], None] = lambda steps: None,
) -> None:
    """Trains `recipe` on `examples`, writes weights, training record and proofs to the existing `folder`.

    It starts from the base, or from what the stages `before` made of it; `earlier` is a folder that an earlier
    `derive` of the same method wrote, from whose weights it goes on. `validation` is what early stopping looks at.
    `unfinished` is a folder for checkpoints, from which an interrupted training goes on. The same seed gives the same
    bytes on the same machine. `advance` is called with 1 after every training step.

    Raises ProofError if the trained weights are not what their name says, and InputError if the recipe doesn't fit
    the base or can't be trained on the examples.
    """
    import torch

    method, settings = method_of(recipe)

    def fresh_start() -> Any:
        return method.prepare(load_start(base, hardware, before), settings)

    with _own_randomness(hardware):
        torch.manual_seed(seed)  # the adapters' initial values
        model = method.attach(fresh_start(), settings)
        if earlier:
            method.reload(model, earlier)
        record = method.fit(
            model,
            settings,
            examples,
            recipe.training,
            seed=seed,
            validation=validation,
            unfinished=unfinished,
            advance=advance,
        )
        method.save(model, folder)
        prompts = [example.prompt for example in examples[:PROVING_PROMPTS]]
        proofs = prove(method, model, folder, fresh_start, prompts)
    content = {"method": recipe.method, **asdict(record), "proofs": as_rows(proofs)}
    (folder / RECORD).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_record(folder: Path) -> dict[str, Any]:
    """What `derive` recorded in `folder`: method, steps, losses, parameter counts, proofs."""
    return json.loads((folder / RECORD).read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def restore(stages: Sequence[Stage], base: Base, hardware: Hardware, alpha: float | None = None) -> Any:
    """The model that the last of `stages` made, at `alpha` between the base and it (None: trained).

    With several stages, 0 is the base and not what the first stage made of it. It is in evaluation mode. Raises
    CacheError if a folder doesn't hold what the recipe's method saves, InputError for an alpha that can't be given.
    """
    *before, last = stages
    method, settings = method_of(last.recipe)
    check_alpha([stage.recipe for stage in stages], alpha)
    with _own_randomness(hardware):
        start = method.prepare(load_start(base, hardware, before), settings)
        if not before:
            return method.restore(start, last.folder, 1.0 if alpha is None else alpha)
        trained = method.restore(start, last.folder)
        if alpha is None or alpha == 1:
            return trained
        model = load_start(base, hardware)
        lerp_into(dict(model.named_parameters()), dict(method.merged(trained).named_parameters()), alpha)
        return model


def check_alpha(recipes: Sequence[Recipe], alpha: float | None) -> None:
    """Raises InputError if `alpha` has no meaning for what these recipes, one on top of the other, make."""
    method, _ = method_of(recipes[-1])
    if alpha is None or alpha == 1:
        return
    name = f"{'>'.join(recipe.name for recipe in recipes)}@{alpha:g}"
    if method.interpolation.kind == "none":
        raise InputError(f"{name}: {method.title} can't be interpolated. {method.interpolation.note}")
    if len(recipes) > 1 and not method.merges:
        raise InputError(
            f"{name}: {method.title} can't be merged, so there are no weights between the base and what it makes "
            f"on top of {recipes[-2].name}. Interpolate {recipes[-2].name} alone, or end with a recipe that merges."
        )


def _own_randomness(hardware: Hardware) -> AbstractContextManager[None]:
    """Leaves torch's generators as they were: what others draw doesn't depend on what is trained or restored here."""
    import torch

    return torch.random.fork_rng([hardware.device] if hardware.device.type == "cuda" else [])
