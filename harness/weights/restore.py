"""Restores models from the folders that `derive` wrote: trained, at points between base and trained, and means."""

from collections.abc import Callable, Sequence
from typing import Any

from harness.errors import InputError
from harness.weights.base import Base
from harness.weights.hardware import Hardware, own_randomness
from harness.weights.interpolation import Line, average
from harness.weights.methods import method_of
from harness.weights.recipe import Recipe
from harness.weights.stages import Stage, load_start


def restore(stages: Sequence[Stage], base: Base, hardware: Hardware, alpha: float | None = None) -> Any:
    """The model that the last of `stages` made, at `alpha` between the base and it (None: trained).

    With several stages, 0 is the base and not what the first stage made of it. It is in evaluation mode. Raises
    CacheError if a folder doesn't hold what the recipe's method saves, InputError for an alpha that can't be given.
    """
    check_alpha([stage.recipe for stage in stages], alpha)
    if len(stages) > 1 and alpha is not None and alpha != 1:
        return line(stages, base, hardware)(alpha)
    method, settings = method_of(stages[-1].recipe)
    with own_randomness(hardware):
        start = method.prepare(load_start(base, hardware, stages[:-1]), settings)
        return method.restore(start, stages[-1].folder, 1.0 if alpha is None else alpha).eval()


def restore_to_answer(stages: Sequence[Stage], base: Base, hardware: Hardware) -> Any:
    """What `restore` gives, its adapter folded into the weights where the method answers so; raises as `restore`."""
    import torch

    model = restore(stages, base, hardware)
    method, _ = method_of(stages[-1].recipe)
    folds = method.answers_merged and hardware.plain and hardware.dtype == torch.float32
    return method.merged(model).eval() if folds else model


def line(stages: Sequence[Stage], base: Base, hardware: Hardware) -> Callable[[float], Any]:
    """A function that gives what `restore` gives at any alpha below 1, from weights that are loaded only once.

    Where the method can, it gives the same model each time, moved in place: use one before you ask for the next.
    """
    method, settings = method_of(stages[-1].recipe)
    with own_randomness(hardware):
        start = method.prepare(load_start(base, hardware, stages[:-1]), settings)
        if len(stages) == 1:
            at = method.line(start, stages[-1].folder)
            return at or (lambda alpha: restore(stages, base, hardware, alpha))
        merged = method.merged(method.restore(start, stages[-1].folder))
        model = load_start(base, hardware)
        moving = Line(dict(model.named_parameters()), dict(merged.named_parameters()))

    def between(alpha: float) -> Any:
        moving.move(alpha)
        return model

    return between


def soup(trainings: Sequence[Sequence[Stage]], base: Base, hardware: Hardware) -> Any:
    """The mean of the merged weights of several trainings, such as those of several seeds."""
    with own_randomness(hardware):
        return average(load_start(base, hardware, stages) for stages in trainings).eval()


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
