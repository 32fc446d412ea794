"""How are weights derived? Recipes, training, interpolation and proofs; knows nothing of prompts' wording."""

from harness.weights.base import Base, load_model, load_tokenizer, locate_base, parameters, window
from harness.weights.derive import Hardware, derive, read_record, restore
from harness.weights.methods import METHODS, method_of
from harness.weights.recipe import Recipe, TrainingSettings, load_recipe, recipe_names
from harness.weights.training import Example, steps

__all__ = [
    "METHODS",
    "Base",
    "Example",
    "Hardware",
    "Recipe",
    "TrainingSettings",
    "derive",
    "load_model",
    "load_recipe",
    "load_tokenizer",
    "locate_base",
    "method_of",
    "parameters",
    "read_record",
    "recipe_names",
    "restore",
    "steps",
    "window",
]
