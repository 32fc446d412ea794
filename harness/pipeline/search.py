"""The settings of a recipe that tuning tries: by their places in the recipe's file. Knows nothing of training."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from harness._settings import merge, validate
from harness.errors import InputError
from harness.weights import Recipe, SearchRange, method_of

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def check_tuning(trials: int, recipes: Iterable[Recipe], *, validates: bool) -> None:
    """Raises InputError if `recipes` can't be tuned with `trials` trials; with none, nothing is asked of them."""
    if not trials:
        return
    import_optuna()
    problems = [
        f"recipe {recipe.name}: declares no search space, so it can't be tuned. Add `search:` to its file."
        for recipe in recipes
        if not recipe.search and not method_of(recipe)[0].served
    ]
    problems += [
        f"recipe {recipe.name}: a server trains it, and every trial would be a job that is paid for. Leave it out of a "
        "run with --tune, and name recipes with other settings.hyperparameters instead."
        for recipe in recipes
        if method_of(recipe)[0].served
    ]
    problems += [
        f"recipe {recipe.name}: search: {place!r} is no setting that the recipe states. Write its place there, such as "
        "training.learning_rate."
        for recipe in recipes
        for place in recipe.search
        if not _has(recipe, place)
    ]
    if not validates:
        problems.append("the suite has no split of kind validation to tune recipes by. Add one.")
    if problems:
        raise InputError("\n".join(problems))


def import_optuna() -> Any:
    """The library; raises InputError with the command that installs it."""
    try:
        import optuna
    except ImportError:
        raise InputError(
            'tuning needs Optuna, which is not installed. Install it with `pip install "harness[tune]"`.'
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def with_values(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """`recipe` with `values` at their places, such as `training.learning_rate`; raises InputError for bad ones."""
    content: dict[str, Any] = recipe.model_dump(mode="json")
    for place, value in values.items():
        nested: Any = value
        for key in reversed(place.split(".")):
            nested = {key: nested}
        content = merge(content, nested)
    return validate(content, Recipe, place=f"recipe {recipe.name}, tuned")


def value_at(recipe: Recipe, place: str) -> Any:
    """What the recipe has at `place`."""
    value: Any = recipe.model_dump(mode="json")
    for key in place.split("."):
        value = value[key]
    return value


def _has(recipe: Recipe, place: str) -> bool:
    try:
        value_at(recipe, place)
    except (KeyError, TypeError):
        return False
    return True


def distribution(found: SearchRange) -> "BaseDistribution":
    """What Optuna draws the values of one range from."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if found.choices:
        return CategoricalDistribution(found.choices)
    low, high = found.low, found.high
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, log=found.log)
    return FloatDistribution(float(low or 0), float(high or 0), log=found.log)
