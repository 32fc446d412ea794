"""How are weights derived? Recipes, training, interpolation and proofs; knows nothing of prompts' wording."""

from harness.weights.arithmetic import Arithmetic, arithmetic
from harness.weights.base import Base, load_model, load_tokenizer, locate_base, parameters, window
from harness.weights.counting import trainable_parameters
from harness.weights.data_settings import DataSettings
from harness.weights.derive import RECORD, derive, read_record
from harness.weights.hardware import Bits, Hardware
from harness.weights.methods import METHODS, ApiFinetuneSettings, method_of
from harness.weights.placement import check_placed, load_base
from harness.weights.quantised import check_bitsandbytes
from harness.weights.recipe import Recipe, load_recipe, recipe_names
from harness.weights.restore import check_alpha, line, restore, restore_to_answer, soup
from harness.weights.search_space import SearchRange
from harness.weights.stages import Stage, check_start
from harness.weights.suitability import check_processes
from harness.weights.together import lead_or_follow, process_inputs
from harness.weights.training import Example, LossOn, TrainingSettings, steps

__all__ = [
    "METHODS",
    "RECORD",
    "ApiFinetuneSettings",
    "Arithmetic",
    "Base",
    "Bits",
    "DataSettings",
    "Example",
    "Hardware",
    "LossOn",
    "Recipe",
    "SearchRange",
    "Stage",
    "TrainingSettings",
    "arithmetic",
    "check_alpha",
    "check_bitsandbytes",
    "check_placed",
    "check_processes",
    "check_start",
    "derive",
    "lead_or_follow",
    "line",
    "load_base",
    "load_model",
    "load_recipe",
    "load_tokenizer",
    "locate_base",
    "method_of",
    "parameters",
    "process_inputs",
    "read_record",
    "recipe_names",
    "restore",
    "restore_to_answer",
    "soup",
    "steps",
    "trainable_parameters",
    "window",
]
