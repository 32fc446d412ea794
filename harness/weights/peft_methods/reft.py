"""ReFT as a tuner of peft: wraps decoder layers, and tells them in each forward pass where the prompt is."""

import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from peft.tuners.tuners_utils import BaseTuner
from torch import nn
from transformers.activations import ACT2FN

from harness.weights.peft_methods.reft_config import ReftConfig
from harness.weights.peft_methods.reft_layer import ReftLayer
from harness.weights.peft_methods.reft_places import BASE, Call, Places


class ReftModel(BaseTuner):  # type: ignore[misc] # peft has no types
    """A causal language model with interventions on its hidden states; see ReftConfig.

    Calls may say by the keyword `prompt_mask` which tokens are the prompt; see `reft_places.prompt_tokens` for what is
    taken without it. The hidden states that transformers hands out (`output_hidden_states`) are those of the model's
    own layers, before the interventions on them.
    """

    prefix = "reft_"
    tuner_layer_cls = ReftLayer
    target_module_mapping: dict[str, list[str]] = {}  # noqa: RUF012 - peft's; by model type, where numbers serve us
    takes_prompt_mask = True

    def _pre_injection_hook(self, model: nn.Module, config: ReftConfig, adapter_name: str) -> None:
        if "places" in vars(self):  # this is a further adapter
            return
        self.places = Places()
        # on the model and not in `forward`, since transformers' generate calls the model itself
        self._hooks = [
            model.register_forward_pre_hook(self._begin, with_kwargs=True),
            model.register_forward_hook(self._end, always_call=True),
        ]

    def _prepare_adapter_config(self, peft_config: ReftConfig, model_config: dict[str, Any]) -> ReftConfig:
        peft_config.target_modules = check(self.model, peft_config)
        return peft_config

    def _create_and_replace(
        self,
        peft_config: ReftConfig,
        adapter_name: str,
        target: nn.Module,
        target_name: str,
        parent: nn.Module,
        current_key: str,
        parameter_name: str | None = None,
    ) -> None:
        if isinstance(target, ReftLayer):
            target.update_layer(adapter_name, peft_config)
            return
        layer = ReftLayer(target, _width(self.model), self.places)
        layer.update_layer(adapter_name, peft_config)
        if adapter_name not in self.active_adapters:
            layer.requires_grad_(False)
        self._replace_module(parent, target_name, layer, target)

    def _replace_module(self, parent: nn.Module, child_name: str, new_module: nn.Module, child: nn.Module) -> None:
        setattr(parent, child_name, new_module)
        if isinstance(child, ReftLayer):  # the base's own layer comes back
            for hook in self._hooks:
                hook.remove()

    def _check_merge_allowed(self) -> None:
        for module in self.model.modules():
            if isinstance(module, ReftLayer):
                module.merge()

    def generate(self, *args: Any, **kwargs: Any) -> Any:
        """What transformers generates. The prompt is all that it starts from, or `prompt_mask` of it."""
        prompt_mask = kwargs.pop("prompt_mask", None)
        given = [args[0] if args else None, *(kwargs.get(name) for name in ("inputs", "input_ids", "inputs_embeds"))]
        start = next((tokens for tokens in given if tokens is not None), None)
        if start is None:
            return self.model.generate(*args, **kwargs)
        with self.places.generating(start.shape[1], kwargs.get("attention_mask"), prompt_mask):
            return self.model.generate(*args, **kwargs)

    @contextmanager
    def _enable_peft_forward_hooks(self, *args: Any, **kwargs: Any) -> Iterator[None]:
        """Hands the `adapter_names` of a batch's rows, which peft takes out of the call, to the layers."""
        names: list[str] | None = kwargs.get("adapter_names")
        unknown = set(names or ()) - {BASE, *self.peft_config}
        if unknown:
            raise ValueError(
                f"adapter_names: there is no adapter {', '.join(sorted(unknown))}, so the batch can't be computed. "
                f"Load it, or name one of these: {', '.join(sorted(self.peft_config))}."
            )
        self.places.adapter_names = names
        try:
            yield
        finally:
            self.places.adapter_names = None

    def _begin(self, model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        prompt_mask = kwargs.pop("prompt_mask", None)
        named = {**dict(zip(inspect.signature(model.forward).parameters, args, strict=False)), **kwargs}
        tokens = next(named[name] for name in ("input_ids", "inputs_embeds") if named.get(name) is not None)
        cache = named.get("past_key_values")
        self.places.begin(
            Call(
                batch=tokens.shape[0],
                time=tokens.shape[1],
                past=int(cache.get_seq_length()) if cache is not None else 0,
                device=tokens.device,
                attention_mask=named.get("attention_mask"),
                labels=named.get("labels"),
                prompt_mask=prompt_mask,
            )
        )
        return args, kwargs

    def _end(self, model: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        self.places.end()


def check(model: Any, config: ReftConfig) -> str:
    """A regular expression for the layers that `config` chooses; raises ValueError if they can't be adapted."""
    if config.act_fn not in ACT2FN:
        raise ValueError(
            f"act_fn: transformers has no {config.act_fn!r}, so the intervention can't be computed. "
            f"Known: {', '.join(sorted(ACT2FN))}."
        )
    if config.kind == "loreft" and config.rank > _width(model):
        raise ValueError(
            f"rank: there are no {config.rank} orthonormal rows of {_width(model)} values, the width of this base. "
            f"Give at most {_width(model)}."
        )
    key, count = decoder_layers(model)
    layers = list(range(count)) if isinstance(config.layers, str) else config.layers
    wrong = [layer for layer in layers if layer not in range(count)]
    if wrong or not layers:
        raise ValueError(
            f"layers: this base has no layers {wrong or layers}, so there is nothing to intervene on. "
            f"Give numbers from 0 to {count - 1}, or all."
        )
    return rf"{re.escape(key)}\.({'|'.join(map(str, sorted(set(layers))))})"


def decoder_layers(model: Any) -> tuple[str, int]:
    """The name and the length of the list of decoder layers in `model`; raises ValueError if it can't be told."""
    count: int = model.config.get_text_config().num_hidden_layers
    lists = [key for key, module in model.named_modules() if isinstance(module, nn.ModuleList) and len(module) == count]
    found = [key for key in lists if not any(key.startswith(f"{other}.") for other in lists)]
    if len(found) != 1:
        raise ValueError(
            f"layers: {type(model).__name__} has {len(found)} lists of {count} layers ({', '.join(found)}), so its "
            "decoder layers can't be told. Use lora or a bottleneck adapter, whose targets can be named."
        )
    return found[0], count


def _width(model: Any) -> int:
    return model.config.get_text_config().hidden_size  # type: ignore[no-any-return]
