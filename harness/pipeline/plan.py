"""Resolves a request into a plan: suite, base, variants, recipes, tasks and hardware, all checked.

Every mistake of the user comes to light here, before anything is built.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.comparison import Prices, load_prices
from harness.errors import HarnessError, InputError
from harness.pipeline.backends import check_backend
from harness.pipeline.config import CompareConfig
from harness.pipeline.lm_eval import PREFIX, load_lm_eval_suite, retention_suites
from harness.pipeline.recipes import check_variants, everything, find_recipe, learnt_suites, train_context
from harness.pipeline.retrievers import check_retrievers, retrieval_settings
from harness.pipeline.search import check_tuning
from harness.pipeline.served.request import check_served, named_weights, served_base
from harness.pipeline.served.settings import MANNER
from harness.pipeline.tasks import Task, lm_eval_tasks, retention_tasks, test_tasks, train_tasks, validation_tasks
from harness.retrieval import RetrievalSettings
from harness.runs import JSON, fingerprint
from harness.suite import Suite, load_suite
from harness.variants import Context, Variant, Weights, grid
from harness.weights import (
    Base,
    Hardware,
    Recipe,
    check_bitsandbytes,
    check_placed,
    check_processes,
    locate_base,
    method_of,
)


@dataclass(frozen=True)
class Plan:
    """What will be done. `recipes` are those that the variants name, `learnt` the suites that each of them learns."""

    config: CompareConfig
    suite: Suite
    base: Base
    variants: tuple[Variant, ...]
    recipes: dict[str, Recipe]
    learnt: dict[str, list[Suite]]
    tasks: tuple[Task, ...]
    validation: tuple[Task, ...]
    retrieval: RetrievalSettings
    hardware: Hardware
    prices: Prices | None
    out: Path

    @property
    def contexts(self) -> list[Context]:
        """What the variants see, each context once."""
        return list(dict.fromkeys(variant.context for variant in self.variants))

    @property
    def retrieves(self) -> bool:
        """Whether any variant or training is shown passages."""
        return any(context.passages for context in (*self.contexts, *map(train_context, self.recipes.values())))

    @property
    def virtual_tokens(self) -> int:
        """How much of the window the recipes take at most: all variants are asked the same prompts."""
        methods = (method_of(recipe) for recipe in self.recipes.values())
        return max((method.virtual_tokens(settings) for method, settings in methods), default=0)

    def seeds(self, variant: Variant) -> range:
        """The seeds that `variant` is run with: one where nothing in it is drawn at random."""
        weights = variant.weights
        trained = weights.trained and weights.alpha != "soup" and weights.recipe not in self.config.served
        drawn = trained or variant.context.shots
        return range(self.config.seeds if drawn else 1)

    def chains(self) -> list[tuple[str, ...]]:
        """Every sequence of recipes that must be trained, what comes before something first."""
        chains: dict[tuple[str, ...], None] = {}
        for variant in self.variants:
            stages = variant.weights.stages
            chains.update(dict.fromkeys(stages[: length + 1] for length in range(len(stages))))
        return list(chains)


def make_plan(config: CompareConfig) -> Plan:
    """The plan for `config`; raises InputError that tells all mistakes at once."""
    suite = _suite(config)
    problems: list[str] = []

    def attempt(step: Any) -> Any:
        try:
            return step()
        except HarnessError as error:
            problems.append(str(error))
            return None

    variants = attempt(lambda: _variants(config, suite)) or ()
    tasks = attempt(lambda: test_tasks(suite, config.splits, config.limit))
    retained = attempt(lambda: retention_suites(config.retention, suite, config.lm_eval_tasks)) or []
    base = attempt(lambda: served_base(config) if config.server else locate(suite, config))
    hardware = attempt(lambda: _hardware(config))
    recipes = {
        name: attempt(lambda name=name: find_recipe(name, config, suite))
        for name in dict.fromkeys(name for variant in variants for name in variant.weights.stages)
        if name not in config.served
    }
    found = [recipe for recipe in recipes.values() if recipe is not None]
    learnt = {recipe.name: attempt(lambda recipe=recipe: learnt_suites(recipe, suite, config.data)) for recipe in found}
    for recipe in found:
        attempt(lambda recipe=recipe: method_of(recipe)[0].check_available())
        attempt(lambda recipe=recipe: check_processes(recipe, hardware))
    retrieval = attempt(lambda: retrieval_settings(config, suite))
    if retrieval is not None:
        attempt(lambda: check_retrievers([variant.context for variant in variants], retrieval, tasks or ()))
        for recipe in found:
            taught = [task for other in learnt[recipe.name] or () for task in train_tasks(other)]
            attempt(lambda recipe=recipe, taught=taught: check_retrievers([train_context(recipe)], retrieval, taught))
    validation = validation_tasks(suite)
    known = {recipe.name: recipe for recipe in found}
    attempt(lambda: check_served(config, variants, tasks or (), known))
    attempt(lambda: check_variants(variants, known, seeds=config.seeds, validates=bool(validation)))
    if hardware and len(known) == len(recipes) and not config.server:
        attempt(lambda: _check_placed(variants, known, hardware))
        attempt(lambda: check_backend(config.backend, variants, known, hardware))
    attempt(lambda: config.constraints)
    prices = attempt(lambda: load_prices(config.prices) if config.prices else None)
    attempt(lambda: check_tuning(config.tune, found, validates=bool(validation)))
    if problems:
        raise InputError("\n".join(dict.fromkeys(problems)))
    tasks += retention_tasks(_earlier_suites(variants, learnt, suite), config.limit)
    tasks += lm_eval_tasks(retained, config.limit)
    out = config.out or _default_out(config, suite, base, variants, [one.hash for one in retained])
    return Plan(config, suite, base, variants, recipes, learnt, tasks, validation, retrieval, hardware, prices, out)


def _suite(config: CompareConfig) -> Suite:
    """The suite that is compared: one of files, or what a task of lm-evaluation-harness is as such."""
    if config.suite.startswith(PREFIX):
        return load_lm_eval_suite(config.suite, config.lm_eval_tasks)
    return load_suite(config.suite, config.data)


def _variants(config: CompareConfig, suite: Suite) -> tuple[Variant, ...]:
    """The variants that are asked for, each after what it is trained on top of, by which forgetting is measured."""
    retrieves = bool(suite.documents)
    every = everything(config, suite) if "all" in config.weights else []
    weights = config.weights or (named_weights(config) if config.server and not config.variants else ())
    asked = grid(config.variants, weights, config.contexts, retrieval=retrieves, everything=every)
    found: dict[Variant, None] = {}
    for variant in asked:
        stages = variant.weights.stages
        before = [Weights(">".join(stages[:length])) for length in range(1, len(stages))]
        found.update(dict.fromkeys([*(Variant(weights, variant.context) for weights in before), variant]))
    return tuple(found)


def _earlier_suites(variants: Iterable[Variant], learnt: dict[str, list[Suite]], suite: Suite) -> list[Suite]:
    """The other suites that a stage learns before another one comes."""
    stages = dict.fromkeys(stage for variant in variants for stage in variant.weights.stages[:-1])
    found = {other.path: other for stage in stages for other in learnt[stage] if other.path != suite.path}
    return list(found.values())


def locate(suite: Suite, config: CompareConfig) -> Base:
    """The base model that is asked for, or else the suite's own, whose code is never run; raises InputError."""
    if strange := sorted({*config.trust_code} - {config.model}):
        raise InputError(
            f"--trust-code names {', '.join(strange)}, which is not the base model that --model names, and the code of "
            "nothing else is ever run. Name the model exactly as --model does."
        )
    if config.model is not None:
        return locate_base(config.model, trusted=config.model in config.trust_code)
    if suite.base is None:
        raise InputError(f"the suite {suite.name!r} brings no base model. Name one with --model ID_OR_PATH.")
    inside = suite.path / suite.base.model
    if inside.is_dir() and not _of_a_suite(inside, suite.path):
        raise InputError(
            f"{suite.path / 'suite.yaml'}: base.model {suite.base.model!r} lies outside the suite, which may name what "
            "it or a suite beside it holds, or a hub id. Put the model inside, or name it with --model."
        )
    base = locate_base(str(inside) if inside.is_dir() else suite.base.model)
    return replace(base, name=f"{suite.name}/{base.name}") if inside.is_dir() else base


def _of_a_suite(model: Path, suite: Path) -> bool:
    """Whether the folder `model` lies inside the folder `suite`, or inside of another suite beside it."""
    beside = suite.resolve().parent
    if not model.resolve().is_relative_to(beside):
        return False
    owner = beside / model.resolve().relative_to(beside).parts[0]
    return owner == suite.resolve() or (owner / "suite.yaml").is_file()


def _hardware(config: CompareConfig) -> Hardware:
    import torch

    name = config.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"the device {name!r} can't be used here ({reason}). Try --device cpu.") from None
    if config.load_in:
        check_bitsandbytes()
    if config.max_memory and config.device_map == "none":
        raise InputError(
            "max_memory says how a base is spread over devices, and this one isn't. Add `device_map: auto`, or drop it."
        )
    spread = config.device_map == "auto"
    return Hardware(torch.device(name), getattr(torch, config.dtype), spread, config.max_memory, config.load_in)


def _check_placed(variants: Iterable[Variant], recipes: dict[str, Recipe], hardware: Hardware) -> None:
    """Raises InputError, which tells of all variants, where the base lies so that their weights can't be made."""
    problems: dict[str, None] = {}
    for weights in dict.fromkeys(variant.weights for variant in variants):
        try:
            stages = [recipes[name] for name in weights.stages]
            check_placed(stages, hardware, mean=weights.alpha == "soup")
        except InputError as error:
            problems[str(error)] = None
    if problems:
        raise InputError("\n".join(problems))


def _default_out(
    config: CompareConfig, suite: Suite, base: Base, variants: Sequence[Variant], retained: Sequence[str]
) -> Path:
    """`runs/SUITE-…`: the same request on the same content goes to the same folder."""
    named = ("out", "suite", "data", "model", "lm_eval_tasks", "executor", "address", "threads", "shard")
    request = config.model_dump(mode="json", exclude={**dict.fromkeys(named, True), "server": MANNER})
    content: dict[str, JSON] = {
        "request": request,
        "suite": suite.hash,
        "base": base.hash,
        "variants": [str(v) for v in variants],
        "retained": retained,
    }
    return Path("runs") / f"{suite.name}-{fingerprint(content)[:8]}"
