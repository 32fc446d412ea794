"""All recipes that can be found and what each can do: the rows of `harness methods`."""

from dataclasses import dataclass

from harness.errors import InputError
from harness.pipeline.config import CompareConfig
from harness.pipeline.plan import locate
from harness.pipeline.recipes import find_recipe
from harness.suite import load_suite
from harness.weights import method_of, parameters, recipe_names, trainable_parameters

SERVED = "trained by the provider of a model behind --server URL, who bills it; only where it is named, never by `all`"


@dataclass(frozen=True)
class MethodRow:
    """One recipe. `share` is what it trains of the base's parameters (None where that can't be counted).

    `missing` says what must be installed first, "" for nothing.
    """

    recipe: str
    title: str
    paper: str
    trainable: int | None
    share: float | None
    merges: bool
    interpolates: str
    batches: bool
    missing: str


def overview(model: str | None = None, suite: str = "pocket") -> list[MethodRow]:
    """A row for every recipe, counted on the base `model`, or else on that of `suite`; raises InputError."""
    config, loaded = CompareConfig(suite=suite, model=model), load_suite(suite)
    base = locate(loaded, config)
    total = parameters(base)
    rows = []
    for name in recipe_names():
        recipe = find_recipe(name, config, loaded)
        method, _ = method_of(recipe)
        missing, trainable = SERVED if method.served else "", None
        try:
            method.check_available()
            trainable = None if method.served else trainable_parameters(recipe, base)
        except InputError as error:
            missing = str(error)
        rows.append(
            MethodRow(
                recipe=name,
                title=method.title,
                paper=method.paper,
                trainable=trainable,
                share=trainable / total if trainable is not None else None,
                merges=method.merges,
                interpolates={"weights": "weights", "output": "output scaling", "none": "no"}[
                    method.interpolation.kind
                ],
                batches=method.batches,
                missing=missing,
            )
        )
    return rows
