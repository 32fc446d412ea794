"""Resolves a request into a plan: suite, base, variants, recipes, splits and hardware, all checked.

Every mistake of the user comes to light here, before anything is built.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness._settings import merge
from harness.errors import HarnessError, InputError, UnknownNameError
from harness.pipeline.config import CompareConfig
from harness.runs import JSON, fingerprint
from harness.suite import Split, Suite, load_suite
from harness.variants import Variant, Weights, grid
from harness.weights import Base, Hardware, Recipe, load_recipe, locate_base, method_of


@dataclass(frozen=True)
class Plan:
    """What will be done. `recipes` are those that the variants name; `splits` the test splits, cut to the limit."""

    config: CompareConfig
    suite: Suite
    base: Base
    variants: tuple[Variant, ...]
    recipes: dict[str, Recipe]
    splits: tuple[Split, ...]
    hardware: Hardware
    out: Path

    @property
    def passages(self) -> int:
        """How many passages the variants need at most; 0 if none retrieves."""
        return max(variant.context.passages for variant in self.variants)

    def seeds(self, variant: Variant) -> range:
        """The seeds that `variant` is run with: one where nothing in it is drawn at random."""
        drawn = variant.weights.trained or variant.context.shots
        return range(self.config.seeds if drawn else 1)

    def models(self) -> dict[tuple[Weights, int], list[tuple[Variant, int]]]:
        """Each model that is needed (weights and training seed), with the variants and seeds that it answers."""
        needed: dict[tuple[Weights, int], list[tuple[Variant, int]]] = {}
        for variant in self.variants:
            for seed in self.seeds(variant):
                model = (variant.weights, seed if variant.weights.trained else 0)
                needed.setdefault(model, []).append((variant, seed))
        return needed


def make_plan(config: CompareConfig) -> Plan:
    """The plan for `config`; raises InputError that tells all mistakes at once."""
    suite = load_suite(config.suite)
    problems: list[str] = []

    def attempt(step: Any) -> Any:
        try:
            return step()
        except HarnessError as error:
            problems.append(str(error))
            return None

    variants = attempt(lambda: grid(config.variants, config.weights, config.contexts, retrieval=bool(suite.documents)))
    splits = attempt(lambda: _splits(suite, config))
    base = attempt(lambda: _base(suite, config))
    hardware = attempt(lambda: _hardware(config))
    recipes = {
        name: attempt(lambda name=name: _recipe(name, suite, config))
        for name in dict.fromkeys(v.weights.recipe for v in variants or () if v.weights.trained)
    }
    if recipes and not suite.train:
        problems.append(
            f"the suite {suite.name!r} has no split of kind train, so {', '.join(recipes)} can't be trained."
        )
    if problems:
        raise InputError("\n".join(dict.fromkeys(problems)))
    out = config.out or _default_out(config, suite, base, variants)
    return Plan(config, suite, base, variants, recipes, splits, hardware, out)


def _splits(suite: Suite, config: CompareConfig) -> tuple[Split, ...]:
    known = [split.name for split in suite.tests]
    unknown = [UnknownNameError("test split", name, known) for name in config.splits if name not in known]
    if unknown:
        raise InputError("\n".join(f"suite {suite.name}: {error}" for error in unknown))
    chosen = [split for split in suite.tests if not config.splits or split.name in config.splits]
    return tuple(replace(split, cases=split.cases[: config.limit]) for split in chosen)


def _base(suite: Suite, config: CompareConfig) -> Base:
    if config.model is not None:
        return locate_base(config.model)
    if suite.base is None:
        raise InputError(f"the suite {suite.name!r} brings no base model. Name one with --model ID_OR_PATH.")
    inside = suite.path / suite.base.model
    base = locate_base(str(inside) if inside.is_dir() else suite.base.model)
    return replace(base, name=f"{suite.name}/{base.name}") if inside.is_dir() else base


def _recipe(name: str, suite: Suite, config: CompareConfig) -> Recipe:
    """The recipe with what the suite says for its own base laid over it, and what the request says over that."""
    suited = suite.base.recipes.get(name, {}) if suite.base and config.model is None else {}
    recipe = load_recipe(name, merge(suited, config.recipes.get(name, {})))
    method_of(recipe)
    return recipe


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
    return Hardware(torch.device(name), getattr(torch, config.dtype))


def _default_out(config: CompareConfig, suite: Suite, base: Base, variants: tuple[Variant, ...]) -> Path:
    """`runs/SUITE-…`: the same request on the same content goes to the same folder."""
    request = config.model_dump(mode="json", exclude={"out", "suite", "model"})
    content: dict[str, JSON] = {
        "request": request,
        "suite": suite.hash,
        "base": base.hash,
        "variants": [str(v) for v in variants],
    }
    return Path("runs") / f"{suite.name}-{fingerprint(content)[:8]}"
