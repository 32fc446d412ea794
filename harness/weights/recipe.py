"""A recipe says how weights are derived from the base: the method, its settings, and the training.

Recipes are YAML files that people copy and edit; this file reads them. It knows nothing of data or models.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from harness._settings import merge, read_yaml, validate
from harness._shipped import shipped
from harness.errors import InputError, UnknownNameError


class TrainingSettings(BaseModel):
    """How a recipe is trained.

    `learning_rate` is the peak that `schedule` reaches after `warmup` (a share of all steps) and then lowers to 0, or
    keeps where it is constant. `batch_size` counts examples. Gradients are clipped to the norm `gradient_norm`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(default=3, ge=1)
    batch_size: int = Field(default=16, ge=1)
    learning_rate: float = Field(gt=0)
    schedule: Literal["constant", "linear", "cosine"] = "cosine"
    warmup: float = Field(default=0.05, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    gradient_norm: float = Field(default=1.0, gt=0)


class Recipe(BaseModel):
    """One way of deriving weights. `settings` belong to the method, which checks them itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")
    description: str = ""
    method: str
    settings: dict[str, Any] = {}
    training: TrainingSettings


def _folders() -> list[Path]:
    """Where recipes are looked for: `adapters/` where the harness runs, then those that it brings."""
    return [Path("adapters"), shipped("adapters")]


def recipe_names() -> list[str]:
    """The names of all recipes that can be found."""
    return sorted({path.stem for folder in _folders() for path in folder.glob("*.yaml")})


def load_recipe(name: str, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """The recipe in the file `adapters/NAME.yaml`, with `overrides` laid over it key by key.

    The working directory's `adapters/` comes before the recipes that the harness brings. Raises UnknownNameError, or
    InputError that tells all mistakes at once.
    """
    for folder in _folders():
        path = folder / f"{name}.yaml"
        if path.is_file():
            place = f"{path} with {', '.join(overrides)} as overridden" if overrides else str(path)
            recipe = validate(merge(read_yaml(path), overrides or {}), Recipe, place=place)
            if recipe.name != name:
                raise InputError(
                    f"{place}: calls itself {recipe.name!r}, but is asked for by its file's name {name!r}, so results "
                    f"would stand under two names. Write `name: {name}` there."
                )
            return recipe
    raise UnknownNameError("recipe", name, recipe_names())
