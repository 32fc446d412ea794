"""Bottleneck adapters as a tuner of peft: finds the sublayers of a model and wraps them."""

import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from peft.tuners.tuners_utils import BaseTuner, check_target_module_exists
from torch import nn
from transformers.activations import ACT2FN

from harness.weights.peft_methods.bottleneck_config import PLACES, BottleneckConfig
from harness.weights.peft_methods.bottleneck_layer import BASE, BottleneckLayer

NORMS = {
    "attention": ("input_layernorm", "ln_attn", "ln_1", "norm_1"),
    "feed-forward": (
        *("pre_feedforward_layernorm", "ln_mlp", "post_attention_layernorm", "ln_2", "norm_2"),
        *("input_layernorm", "ln_1"),  # models that compute both sublayers from the same input
    ),
}
"""What normalises the stream before a sublayer, by place: the first of these names that the decoder layer has."""


class BottleneckModel(BaseTuner):  # type: ignore[misc] # peft has no types
    """A causal language model with bottleneck adapters in its decoder layers; see BottleneckConfig."""

    prefix = "bottleneck_"
    tuner_layer_cls = BottleneckLayer
    target_module_mapping: dict[str, list[str]] = {}  # noqa: RUF012 - peft's; by model type, where places serve us

    def _prepare_adapter_config(self, peft_config: BottleneckConfig, model_config: dict[str, Any]) -> BottleneckConfig:
        check(self.model, peft_config)
        if peft_config.target_modules is None:
            peft_config.target_modules = sublayers(self.model, peft_config.places)
        return peft_config

    def _create_and_replace(
        self,
        peft_config: BottleneckConfig,
        adapter_name: str,
        target: nn.Module,
        target_name: str,
        parent: nn.Module,
        current_key: str,
        parameter_name: str | None = None,
    ) -> None:
        norm = _norm_before(parent, target_name) if peft_config.reads == "stream" else None
        if isinstance(target, BottleneckLayer):
            target.update_layer(adapter_name, peft_config, norm)
            return
        layer = BottleneckLayer(target, _width(self.model))
        layer.update_layer(adapter_name, peft_config, norm)
        self._replace_module(parent, target_name, layer, target)

    def _replace_module(self, parent: nn.Module, child_name: str, new_module: nn.Module, child: nn.Module) -> None:
        setattr(parent, child_name, new_module)
        if isinstance(child, BottleneckLayer):
            child.remove_hook()

    @contextmanager
    def _enable_peft_forward_hooks(self, *args: Any, **kwargs: Any) -> Iterator[None]:
        """Hands the `adapter_names` of a batch's rows, which peft takes out of the call, to every layer."""
        names: list[str] | None = kwargs.pop("adapter_names", None)
        if names is None:
            yield
            return
        layers = [module for module in self.modules() if isinstance(module, BottleneckLayer)]
        unknown = set(names) - {BASE}.union(*(layer.adapter_configs for layer in layers))
        if unknown or self.training:
            problem = f"there is no adapter {', '.join(sorted(unknown))}" if unknown else "the model is in training"
            raise ValueError(f"adapter_names: {problem}, so the batch can't be computed. Load it, or call eval().")
        beams = kwargs.get("num_beams") or 1  # generation repeats every row so often
        hand_on = partial(_add_names, [name for name in names for _ in range(beams)])
        handles = [layer.register_forward_pre_hook(hand_on, with_kwargs=True) for layer in layers]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def check(model: nn.Module, config: BottleneckConfig) -> None:
    """Raises ValueError if adapters of `config` can't be put into `model`, or would not be what their name says."""
    if config.nonlinearity not in ACT2FN:
        raise ValueError(
            f"nonlinearity: transformers has no {config.nonlinearity!r}, so the adapter can't be computed. "
            f"Known: {', '.join(sorted(ACT2FN))}."
        )
    wanted = replace(config, target_modules=config.target_modules or sublayers(model, config.places))
    targets = {key: module for key, module in model.named_modules() if check_target_module_exists(wanted, key)}
    if not targets:
        raise ValueError(
            f"target_modules: {type(model).__name__} has no module called {wanted.target_modules}, so there is nowhere "
            "to put an adapter. Give names of its sublayers, such as self_attn and mlp."
        )
    for key, target in targets.items():
        parent, _, name = key.rpartition(".")
        if config.reads == "stream":
            _norm_before(model.get_submodule(parent), name)
        if not isinstance(target, BottleneckLayer):
            _check_fits(target, key, _width(model))


def _width(model: Any) -> int:
    return model.config.get_text_config().hidden_size  # type: ignore[no-any-return]


def sublayers(model: nn.Module, places: list[str]) -> str:
    """A regular expression for the sublayers at `places` in the decoder layers of `model`, in peft's sense.

    Raises ValueError if one of the places has none.
    """
    keys = [key for key, _ in model.named_modules()]
    found = []
    for place in places:
        names = [name for name in PLACES[place] if any(re.fullmatch(rf"(.*\.)?\d+\.{name}", key) for key in keys)]
        if not names:
            raise ValueError(
                f"places: in the decoder layers of {type(model).__name__} no {place} sublayer is called "
                f"{' or '.join(PLACES[place])}, so there is nowhere to put an adapter. Give the names of its sublayers "
                "as target_modules."
            )
        found += names
    return rf"(.*\.)?\d+\.({'|'.join(found)})"


def _norm_before(layer: nn.Module, sublayer: str) -> nn.Module:
    """What normalises the stream that `sublayer` of a decoder `layer` reads; raises ValueError."""
    place = next((place for place, names in PLACES.items() if sublayer in names), "")
    normalises_last = hasattr(layer, "post_feedforward_layernorm") and not hasattr(layer, "pre_feedforward_layernorm")
    for name in NORMS.get(place, ()):
        if not normalises_last and isinstance(norm := getattr(layer, name, None), nn.Module):
            return norm
    raise ValueError(
        f"reads: it can't be told by their names what normalises the stream before {sublayer} in "
        f"{type(layer).__name__}, so the stream can't be read. Set reads to sublayer."
    )


def _check_fits(target: nn.Module, key: str, width: int) -> None:
    """Raises ValueError if an adapter at `target` would compute something else than its name says."""
    if "residual" in inspect.signature(target.forward).parameters:
        raise ValueError(
            f"target_modules: {key} adds the residual itself, so an adapter there would read and change something "
            "else than the sublayer's output. Leave that place out."
        )
    if getattr(target, "out_features", width) != width:
        raise ValueError(
            f"target_modules: {key} gives {target.out_features} values a position and the stream has {width}, so an "
            "adapter doesn't fit. Name whole sublayers, such as self_attn and mlp."
        )


def _add_names(names: list[str], layer: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    return args, {**kwargs, "adapter_names": names}
