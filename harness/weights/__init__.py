"""How are weights derived? Recipes, training, interpolation and proofs; knows nothing of prompts' wording."""

from harness.weights.base import Base, load_model, load_tokenizer, locate_base, parameters, window
from harness.weights.derive import check_alpha, derive, read_record, restore
from harness.weights.hardware import Hardware
from harness.weights.methods import METHODS, method_of
from harness.weights.recipe import Recipe, TrainingSettings, load_recipe, recipe_names
from harness.weights.stages import Stage, check_start
from harness.weights.training import Example, steps

__all__ = [
    "METHODS",
    "Base",
    "Example",
    "Hardware",
    "Recipe",
    "Stage",
    "TrainingSettings",
    "check_alpha",
    "check_start",
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
