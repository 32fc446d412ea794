"""What a training starts from: the base, or what earlier recipes made of it (`first>second`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import InputError
from harness.weights.base import Base
from harness.weights.hardware import Hardware
from harness.weights.methods import method_of
from harness.weights.placement import check_held, load_base
from harness.weights.recipe import Recipe


@dataclass(frozen=True)
class Stage:
    """A recipe, and the folder that `derive` wrote for it."""

    recipe: Recipe
    folder: Path


def load_start(base: Base, hardware: Hardware, before: Sequence[Stage] = ()) -> Any:
    """The base with the trained stages `before` folded into its weights, one after the other.

    Raises InputError if one of them can't be merged, or if a part of the base lies where nothing can learn, and
    CacheError if a folder doesn't hold what it should.
    """
    model: Any = load_base(base, hardware)
    check_held(model, hardware)
    for stage in before:
        check_start(stage.recipe)
        method, settings = method_of(stage.recipe)
        model = method.merged(method.restore(method.prepare(model, settings), stage.folder)).eval()
    return model


def check_start(recipe: Recipe) -> None:
    """Raises InputError if nothing can be trained on top of `recipe`."""
    method, _ = method_of(recipe)
    if not method.merges:
        raise InputError(
            f"{recipe.name}>…: {method.title} can't be merged into weights, so nothing can be trained on top of it. "
            "Let a recipe come first that can: see `harness methods`."
        )
