"""How much of a model a recipe trains, counted without any weights."""

from harness.weights.base import Base, empty_model
from harness.weights.methods import method_of
from harness.weights.recipe import Recipe


def trainable_parameters(recipe: Recipe, base: Base) -> int:
    """How many parameters `recipe` would train on `base`; raises InputError if it doesn't fit.

    A quantised base has as many, so nothing is prepared.
    """
    import torch

    method, settings = method_of(recipe)
    with torch.device("meta"):
        model = method.attach(empty_model(base), settings)
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
