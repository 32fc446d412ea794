"""A decoder layer with ReFT interventions on the residual stream that leaves it."""

import math
from typing import Any

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn
from transformers.activations import ACT2FN

from harness.weights.peft_methods.reft_config import ReftConfig
from harness.weights.peft_methods.reft_places import Places


class ReftLayer(nn.Module, BaseTunerLayer):  # type: ignore[misc] # peft has no types
    """Wraps `base_layer`, which gives `(batch, time, width)`, or a tuple that begins with it.

    The weights of an adapter are stacked by side (ReftConfig.sides): `reft_source_weight` and `reft_source_bias` are W
    and b, and R or V comes from `reft_rotation`, `(sides, width, rank)`, or is `reft_projection`,
    `(sides, rank, width)`. They start as pyreft's do, so the model doesn't start as its base.
    """

    adapter_layer_names = ("reft_rotation", "reft_projection", "reft_source_weight", "reft_source_bias")
    other_param_names = ("adapter_configs", "scaling")

    def __init__(self, base_layer: nn.Module, width: int, places: Places) -> None:
        super().__init__()
        self.base_layer = base_layer
        self.width = width
        self.places = places
        for name in self.adapter_layer_names:
            setattr(self, name, nn.ParameterDict())
        self.adapter_configs: dict[str, ReftConfig] = {}
        self.scaling: dict[str, float] = {}
        self.train(base_layer.training)

    def update_layer(self, adapter: str, config: ReftConfig) -> None:
        """Adds the adapter called `adapter`."""
        sides, bound = range(config.sides), 1 / math.sqrt(self.width)
        linear = torch.empty(config.sides, config.rank, self.width)
        bias = torch.empty(config.sides, config.rank)
        for side in sides:  # as nn.Linear
            nn.init.uniform_(linear[side], -bound, bound)
            nn.init.uniform_(bias[side], -bound, bound)
        self._put("reft_source_weight", adapter, linear)
        self._put("reft_source_bias", adapter, bias)
        if config.kind == "loreft":
            self._put("reft_rotation", adapter, orthonormal(torch.randn(config.sides, self.width, config.rank)))
        else:
            projection = torch.empty(config.sides, config.rank, self.width)
            self._put("reft_projection", adapter, nn.init.uniform_(projection, -bound, bound))
        self.adapter_configs[adapter], self.scaling[adapter] = config, 1.0
        self.set_adapter(self.active_adapters)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the decoder layer gives, with each acting adapter's interventions, one adapter after the other."""
        result = self.base_layer(*args, **kwargs)
        if self.disable_adapters:
            return result
        hidden = result[0] if isinstance(result, tuple) else result
        for adapter in self.places.adapters(self.active_adapters):
            if adapter in self.adapter_configs:
                config = self.adapter_configs[adapter]
                for side, rows, columns in self.places.of(adapter, config.first, config.last, config.sides):
                    chosen = hidden[rows, columns]
                    changed = self.intervene(adapter, side, chosen)
                    hidden = hidden.index_put((rows, columns), changed.to(hidden.dtype))
        return (hidden, *result[1:]) if isinstance(result, tuple) else hidden

    def intervene(self, adapter: str, side: int, chosen: torch.Tensor) -> torch.Tensor:
        """The hidden states `chosen`, `(positions, width)`, as `adapter` changes them, in its number format."""
        config, scale = self.adapter_configs[adapter], self.scaling[adapter]
        weight, bias = self.reft_source_weight[adapter][side], self.reft_source_bias[adapter][side]
        chosen = chosen.to(weight.dtype)
        source = ACT2FN[config.act_fn](nn.functional.linear(chosen, weight, bias))
        if config.kind == "loreft":
            rotation = orthonormal(self.reft_rotation[adapter][side])
            changed = chosen + (source - chosen @ rotation) @ rotation.T
        else:
            changed = chosen + source @ self.reft_projection[adapter][side]
        changed = nn.functional.dropout(changed, config.dropout, self.training)
        return changed if scale == 1 else chosen + scale * (changed - chosen)

    def merge(self, safe_merge: bool = False, adapter_names: list[str] | None = None) -> None:
        """Raises ValueError: weights act on every position."""
        raise ValueError(
            "reft: the interventions act on some positions of the prompt only, so they can't be merged into the base's "
            "weights. Keep them beside the base, or train lora, which merges."
        )

    def _put(self, name: str, adapter: str, values: torch.Tensor) -> None:
        """At the base's device and, unless it is quantised, in its number format (which peft then widens)."""
        weight = next(self.base_layer.parameters())
        if values.device.type != "meta":  # peft fills such parameters itself
            values = values.to(weight.device, weight.dtype if weight.is_floating_point() else values.dtype)
        getattr(self, name)[adapter] = nn.Parameter(values)

    def __getattr__(self, name: str) -> Any:
        """What models ask of their layers beside calling them."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "base_layer" or name.startswith("_"):
                raise
            return getattr(self.base_layer, name)


def orthonormal(free: torch.Tensor) -> torch.Tensor:
    """The columns of `free`, `(..., width, rank)`, made orthonormal by Gram and Schmidt (QR with a positive diagonal).

    What is learnt and stored is `free`, so that what comes back from disk gives the same to the bit. torch's
    parametrization, pyreft's choice, keeps a `(width, width)` buffer for each matrix, which must be stored too for
    that; and weight decay takes the signs that its reflections need, where only the directions of `free` count here.
    """
    q, r = torch.linalg.qr(free.float())
    return (q * r.diagonal(dim1=-2, dim2=-1).sgn()[..., None, :]).to(free.dtype)  # type: ignore[no-any-return]
