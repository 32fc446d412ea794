"""The methods of deriving weights, by name. A new method is one file and one line here."""

from typing import Any

from harness._settings import validate
from harness.errors import InputError, UnknownNameError
from harness.weights.methods.api_finetune import ApiFinetune, ApiFinetuneSettings
from harness.weights.methods.bottleneck import BottleneckParallel, BottleneckSerial
from harness.weights.methods.dora import Dora
from harness.weights.methods.dpo import Dpo
from harness.weights.methods.freeze import Freeze
from harness.weights.methods.full import Full
from harness.weights.methods.lora import Lora
from harness.weights.methods.method import Method, MethodSettings
from harness.weights.methods.p_tuning import PTuning
from harness.weights.methods.prefix import Prefix
from harness.weights.methods.prompt import Prompt
from harness.weights.methods.qlora import Qlora
from harness.weights.methods.reft import Direft, Loreft
from harness.weights.methods.rslora import RsLora
from harness.weights.recipe import Recipe

METHODS: dict[str, Method[Any]] = {
    method.name: method
    for method in (
        *(Full(), Freeze(), Lora(), RsLora(), Dora(), Qlora(), Prompt(), PTuning(), Prefix(), Dpo()),
        *(BottleneckSerial(), BottleneckParallel(), Loreft(), Direft(), ApiFinetune()),
    )
}

__all__ = ["METHODS", "ApiFinetuneSettings", "Method", "MethodSettings", "method_of"]


def method_of(recipe: Recipe) -> tuple[Method[Any], MethodSettings]:
    """The method of a recipe and its checked settings; raises UnknownNameError or InputError."""
    if recipe.method not in METHODS:
        raise UnknownNameError("method", recipe.method, METHODS, place=f"recipe {recipe.name}")
    method = METHODS[recipe.method]
    if method.served and recipe.training is not None:
        raise InputError(
            f"recipe {recipe.name}: training: says how to train here, and {method.title} happens on a server, which "
            "would not know of it. Take it out; settings.hyperparameters are what the server is told."
        )
    if not method.served and recipe.training is None:
        raise InputError(
            f"recipe {recipe.name}: training: is missing. Add at least `training: {{learning_rate: 2.0e-4}}`."
        )
    return method, validate(recipe.settings, method.settings, place=f"recipe {recipe.name}: settings")
