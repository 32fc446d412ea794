"""A sublayer of a decoder layer with bottleneck adapters behind or beside it.

Adapters see one position at a time: padding, batches and the key-value cache don't concern them.
"""

import math
from typing import Any

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn
from transformers.activations import ACT2FN

from harness.weights.peft_methods.bottleneck_config import BottleneckConfig

BASE = "__base__"  # what peft calls the base where each row of a batch names its adapter


class BottleneckLayer(nn.Module, BaseTunerLayer):  # type: ignore[misc] # peft has no types
    """Wraps `base_layer`, which maps `(batch, time, width)` to the same shape, or to a tuple that begins with it."""

    adapter_layer_names = ("bottleneck_down", "bottleneck_up")
    other_param_names = ("adapter_configs", "scaling")

    def __init__(self, base_layer: nn.Module, width: int) -> None:
        super().__init__()
        self.base_layer = base_layer
        self.width = width
        self.bottleneck_down = nn.ModuleDict()
        self.bottleneck_up = nn.ModuleDict()
        self.adapter_configs: dict[str, BottleneckConfig] = {}
        self.scaling: dict[str, float] = {}
        self._stream: torch.Tensor | None = None
        self._stream_hook: Any = None
        self.train(base_layer.training)

    def update_layer(self, adapter: str, config: BottleneckConfig, norm: nn.Module | None) -> None:
        """Adds the adapter called `adapter`; `norm` is what normalises the stream before this sublayer.

        `down` starts as AdapterHub's `mam_adapter` does, and `up` at zero.
        """
        if config.reads == "stream" and norm is not None and self._stream_hook is None:
            self._stream_hook = norm.register_forward_pre_hook(self._remember_stream)
        down, up = nn.Linear(self.width, config.size), nn.Linear(config.size, self.width)
        nn.init.kaiming_uniform_(down.weight, a=math.sqrt(5))
        for zeros in (down.bias, up.weight, up.bias):
            nn.init.zeros_(zeros)
        self.bottleneck_down[adapter], self.bottleneck_up[adapter] = down, up
        self.adapter_configs[adapter], self.scaling[adapter] = config, config.scale
        self._move_to_base_layer(adapter)
        self.set_adapter(self.active_adapters)

    def forward(self, *args: Any, adapter_names: list[str] | None = None, **kwargs: Any) -> Any:
        """What the sublayer gives, with the active adapters or, by row of the batch, those of `adapter_names`."""
        inputs = args[0] if args else kwargs["hidden_states"]
        stream, self._stream = self._stream, None
        result = self.base_layer(*args, **kwargs)
        output = result[0] if isinstance(result, tuple) else result
        if not self.disable_adapters:
            if adapter_names is None:
                for adapter in self.active_adapters:
                    output = self._adapted(adapter, output, inputs, stream)
            else:
                output = self._adapted_by_row(adapter_names, output, inputs, stream)
        return (output, *result[1:]) if isinstance(result, tuple) else output

    def merge(self, safe_merge: bool = False, adapter_names: list[str] | None = None) -> None:
        """Raises ValueError: what isn't linear has no weights to be added to."""
        raise ValueError(
            "bottleneck: the adapter has a non-linearity, so it can't be merged into the base's weights. Keep it "
            "beside the base, or train lora, which merges."
        )

    def remove_hook(self) -> None:
        """Leaves the base as it was before this layer wrapped a part of it."""
        if self._stream_hook is not None:
            self._stream_hook.remove()

    def _adapted(
        self, adapter: str, output: torch.Tensor, inputs: torch.Tensor, stream: torch.Tensor | None
    ) -> torch.Tensor:
        """The sublayer's output with what the adapter adds; unchanged where this layer has no such adapter."""
        if adapter not in self.adapter_configs:
            return output
        config = self.adapter_configs[adapter]
        down: Any = self.bottleneck_down[adapter]
        up: Any = self.bottleneck_up[adapter]
        read = output if config.mode == "serial" else inputs
        if config.reads == "stream":
            if stream is None:
                raise RuntimeError("bottleneck: the stream is unknown, since what normalises it wasn't called before.")
            read = output + stream if config.mode == "serial" else stream
        narrow = ACT2FN[config.nonlinearity](down(read.to(down.weight.dtype)))
        added = nn.functional.dropout(up(narrow) * self.scaling[adapter], config.dropout, self.training)
        return output + added.to(output.dtype)

    def _adapted_by_row(
        self, adapter_names: list[str], output: torch.Tensor, inputs: torch.Tensor, stream: torch.Tensor | None
    ) -> torch.Tensor:
        if len(adapter_names) != len(output):
            raise ValueError(
                f"adapter_names: {len(adapter_names)} names for {len(output)} rows, so it isn't known which row is "
                "whose. Give a name a row."
            )
        mixed = output.clone()
        for adapter in dict.fromkeys(adapter_names):
            if adapter != BASE:
                rows = [row for row, name in enumerate(adapter_names) if name == adapter]
                mixed[rows] = self._adapted(
                    adapter, output[rows], inputs[rows], None if stream is None else stream[rows]
                )
        return mixed

    def _remember_stream(self, norm: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        self._stream = args[0]

    def _move_to_base_layer(self, adapter: str) -> None:
        """To its device and, unless it is quantised, its number format (which peft then widens, as it does LoRA's)."""
        weight = next(self.base_layer.parameters())
        for modules in (self.bottleneck_down, self.bottleneck_up):
            module: Any = modules[adapter]
            if module.weight.device.type != "meta":  # peft fills such layers itself
                module.to(weight.device, weight.dtype if weight.is_floating_point() else module.weight.dtype)

    def __getattr__(self, name: str) -> Any:
        """What models ask of their sublayers beside calling them."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "base_layer" or name.startswith("_"):
                raise
            return getattr(self.base_layer, name)
