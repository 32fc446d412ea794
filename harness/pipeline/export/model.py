"""Writes the model of a variant in Hugging Face format: whole, or as a base with an adapter beside it.

It is whole wherever the run answered with plain weights: the base, trained or interpolated weights, soups, and adapters
that are folded into the weights in float32. Where rounding or the method forbids that, the adapter stays one.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from harness._quiet import quiet_transformers
from harness.pipeline.export.source import Source
from harness.weights import Base, Stage, method_of, restore, soup
from harness.weights.base import FILES
from harness.weights.stages import load_start

OURS = ("bottleneck", "reft")  # the kinds of adapter that peft knows only once harness is imported
NOTICES = ("LICENSE*", "NOTICE*", "README.md")
WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json")
ADAPTER = ("adapter_config.json", "adapter_model.safetensors")


@dataclass(frozen=True)
class Written:
    """How the model was written, in words; and whether it needs harness, and its alpha, if an adapter lies beside."""

    form: str
    adapter: bool = False
    needs_harness: bool = False
    alpha: float = 1.0


def write_model(source: Source, folder: Path) -> Written:
    """Writes `model/` and, where it stays an adapter, `adapter/` into `folder`; raises CacheError or InputError."""
    plan, weights = source.plan, source.variant.weights
    if not weights.trained:
        _copy(plan.base, folder / "model", (*FILES, *NOTICES))
        return Written("the base as it is")
    if weights.alpha == "soup":
        made = soup([_stages(source, seed) for seed in source.seeds], plan.base, plan.hardware)
        _save(made, plan.base, folder / "model")
        return Written(f"the mean of the weights of {len(source.seeds)} seeds")
    stages = _stages(source, source.seed)
    method, _ = method_of(stages[-1].recipe)
    model = restore(stages, plan.base, plan.hardware, source.alpha)
    if not hasattr(model, "peft_config"):
        _save(model, plan.base, folder / "model")
        return Written("whole weights")
    exact = plan.hardware.dtype == torch.float32 or stages[-1].recipe.method == "qlora"  # which has no plain base
    if method.merges and exact:
        _save(method.merged(model), plan.base, folder / "model")
        return Written("whole weights, the adapter folded in")
    if len(stages) > 1:
        _save(load_start(plan.base, plan.hardware, stages[:-1]), plan.base, folder / "model")
    else:
        _copy(plan.base, folder / "model", (*FILES, *NOTICES))
    (folder / "adapter").mkdir()
    for name in ADAPTER:
        shutil.copyfile(stages[-1].folder / name, folder / "adapter" / name)
    kind = str(model.peft_config["default"].peft_type.value).lower()
    alpha = 1.0 if source.alpha is None else source.alpha
    return Written(f"a base with a {method.title} adapter in peft's format", True, kind in OURS, alpha)


def _stages(source: Source, seed: int) -> list[Stage]:
    names = source.variant.weights.stages
    return [
        Stage(source.plan.recipes[name], source.trained[names[: length + 1], seed].path)
        for length, name in enumerate(names)
    ]


def _save(model: Any, base: Base, folder: Path) -> None:
    """The weights and configuration of `model`, and all else that lies beside the base's own."""
    with quiet_transformers():
        model.save_pretrained(folder)
    _copy(base, folder, (*FILES, *NOTICES), without=WEIGHTS)


def _copy(base: Base, folder: Path, patterns: Sequence[str], without: Sequence[str] = ()) -> None:
    folder.mkdir(exist_ok=True)
    for path in sorted({path for pattern in patterns for path in base.path.glob(pattern) if path.is_file()}):
        if not any(path.match(pattern) for pattern in without):
            shutil.copyfile(path, folder / path.name)  # what a link of the hub's cache leads to, not the link
