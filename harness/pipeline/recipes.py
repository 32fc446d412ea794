"""Finds the recipes that a request names, and checks before anything is built that they can do what is asked."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness._settings import merge
from harness.errors import HarnessError, InputError
from harness.pipeline.config import CompareConfig
from harness.suite import Suite, load_suite
from harness.variants import BASE, Context, Variant
from harness.weights import Recipe, check_alpha, check_start, load_recipe, method_of, recipe_names

logger = logging.getLogger(__name__)

PREFERENCE_START = "lora"  # what a recipe that learns from preferences follows among `--weights all`


def everything(config: CompareConfig, suite: Suite) -> list[str]:
    """What `--weights all` stands for: the base, and each recipe whose libraries are installed; the others are told.

    Those that a server trains are never among them: they send data away and cost money, so they must be named.
    """
    names = []
    for name in recipe_names():
        method, _ = method_of(find_recipe(name, config, suite))
        if method.served:
            continue
        try:
            method.check_available()
        except InputError as error:
            logger.warning("--weights all leaves %s out: %s", name, error)
            continue
        names.append(f"{PREFERENCE_START}>{name}" if method.preferences else name)
    return [BASE, *names]


def find_recipe(name: str, config: CompareConfig, suite: Suite) -> Recipe:
    """The recipe with what the suite says for its own base laid over it, and what the request says over that.

    Raises InputError for a mistake in any of the three.
    """
    suited = suite.base.recipes.get(name, {}) if suite.base and config.model is None else {}
    recipe = load_recipe(name, merge(suited, config.recipes.get(name, {})))
    method_of(recipe)
    _check_data(recipe)
    return recipe


def _check_data(recipe: Recipe) -> None:
    """Raises InputError if what the recipe learns from contradicts itself."""
    place, data = f"recipe {recipe.name}: data", recipe.data
    try:
        context = Context.parse(data.train_context)
    except InputError as error:
        raise InputError(f"{place}.train_context: {error}") from None
    if data.without_evidence and not context.passages:
        raise InputError(
            f"{place}: without_evidence is {data.without_evidence}, but train_context {data.train_context!r} shows no "
            "passages to leave out. Set train_context to rag-K, or take without_evidence out."
        )
    if not data.supervised and not data.weak:
        raise InputError(
            f"{place}: supervised is false and weak is 0, so there is nothing to learn from. Set weak to a number of "
            "questions, or supervised to true."
        )
    if data.continue_from and not (data.continue_from / "run.json").is_file():
        raise InputError(
            f"{place}.continue_from: {data.continue_from} is no run folder (it has no run.json), so there are no "
            "weights to go on from. Give the folder of a finished run, relative to where the harness runs."
        )


def train_context(recipe: Recipe) -> Context:
    """What the prompts show that the recipe is trained on."""
    return Context.parse(recipe.data.train_context)


def learnt_suites(recipe: Recipe, suite: Suite, data: Path | None) -> list[Suite]:
    """The suites whose train cases the recipe learns; raises InputError if there is one that can't be used.

    `data` is the folder of what suites name but don't hold.
    """
    named: list[Suite] = []
    for name in recipe.data.suites or (suite.name,):
        found = suite if name == suite.name or Path(name).absolute() == suite.path else load_suite(name, data)
        if found.path not in [other.path for other in named]:
            named.append(found)
    lacking = [found.name for found in named if recipe.data.supervised and not found.train]
    lacking += [found.name for found in named if recipe.data.weak and not found.documents]
    if lacking:
        raise InputError(
            f"recipe {recipe.name}: the suite {', '.join(map(repr, lacking))} has no split of kind train (or, for weak "
            "questions, no corpus), so it can't be learnt. Add one, or name other suites under data.suites."
        )
    return named


def check_variants(variants: Sequence[Variant], recipes: Mapping[str, Recipe], *, seeds: int, validates: bool) -> None:
    """Raises one InputError for all variants whose weights can't be made; those of unknown recipes are passed over."""
    problems = []
    named = dict.fromkeys(variant.weights for variant in variants)
    for weights in (weights for weights in named if recipes.keys() >= set(weights.stages)):
        chain = [recipes[name] for name in weights.stages]
        try:
            for recipe in chain if weights.alpha == "soup" else chain[:-1]:
                check_start(recipe)
            if chain and weights.alpha != "soup":
                check_alpha(chain, 0.5 if weights.alpha == "best" else weights.alpha)
        except HarnessError as error:
            problems.append(str(error))
        if weights.alpha == "best" and not validates:
            problems.append(f"{weights}: the suite has no split of kind validation to choose ALPHA by. Give a number.")
        if weights.alpha == "soup" and seeds < 2:
            problems.append(f"{weights}: a mean over seeds needs several, and this run has one. Add --seeds 3.")
    if problems:
        raise InputError("\n".join(dict.fromkeys(problems)))
