"""A recipe says how weights are derived from the base: the method, its settings, and the training.

Recipes are YAML files that people copy and edit; this file reads them. It knows nothing of data or models.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from harness._settings import merge, read_yaml, validate
from harness._shipped import shipped
from harness.errors import InputError, UnknownNameError
from harness.weights.data_settings import DataSettings
from harness.weights.search_space import SearchRange
from harness.weights.training.settings import TrainingSettings


class Recipe(BaseModel):
    """One way of deriving weights. `settings` belong to the method, which checks them itself.

    `search` says which settings are tried when the recipe is tuned, by their place in this file
    (`training.learning_rate`). `training` is None for methods that train elsewhere.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")
    description: str = ""
    method: str
    settings: dict[str, Any] = {}
    training: TrainingSettings | None = None
    data: DataSettings = DataSettings()
    search: dict[str, SearchRange] = {}

    @property
    def local_training(self) -> TrainingSettings:
        """How it is trained here; raises InputError if it isn't."""
        if self.training is None:
            raise InputError(
                f"recipe {self.name}: has no training settings, so it can't be trained here. Add `training:` with a "
                "learning_rate, or, if a server is to train it, name that with --server URL."
            )
        return self.training


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
