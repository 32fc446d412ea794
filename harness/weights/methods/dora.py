"""DoRA (Liu et al. 2024) by peft: LoRA for the direction of each output's weights, and a learnt magnitude.

A layer computes with `magnitude * (W + scaling * B @ A) / norm(W + scaling * B @ A)`, the norm taken over each row of
W `(outputs, inputs)`. That is not linear in its parts, so that scaling them (peft #1940) gives no point between base
and trained: `@alpha` is on the merged weights.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.weights.interpolation import Line
from harness.weights.methods.lora import Lora, LoraSettings, lora_layers
from harness.weights.methods.method import Interpolation

if TYPE_CHECKING:
    import torch
    from torch import nn


class Dora(Lora):
    """Low-rank deltas of directions and a magnitude for each output, stored apart from the base."""

    name = "dora"
    title = "DoRA"
    paper = "Liu et al. 2024, arXiv:2402.09353"
    interpolation = Interpolation("weights", note="On the merged weights: scaling DoRA's parts would be another model.")
    batches = False  # peft refuses adapter_names for DoRA

    def config(self, settings: LoraSettings) -> Any:
        """Peft's LoraConfig with `use_dora`."""
        config = super().config(settings)
        config.use_dora = True
        return config

    def scale(self, model: Any, alpha: float) -> Any:
        """The base, moved layer by layer by `alpha` towards the merged weights."""
        import torch

        with torch.no_grad():
            for weight, merged in _merged_layers(model):
                weight.copy_(torch.lerp(weight, merged, alpha))
        return model.unload()

    def line(self, base: "nn.Module", folder: Path) -> "Callable[[float], nn.Module] | None":
        """A function that moves the base's weights towards the merged ones; at 1 it is the unmerged model."""
        import torch

        model: Any = self.restore(base, folder)
        with torch.no_grad():
            layers = [(weight, merged) for weight, merged in _merged_layers(model)]
        line = Line(*({str(number): pair[end] for number, pair in enumerate(layers)} for end in (0, 1)))

        def at(alpha: float) -> "nn.Module":
            if alpha == 1:
                line.move(0.0)
                model.base_model.enable_adapter_layers()
            else:
                line.move(alpha)
                model.base_model.disable_adapter_layers()
            return model.requires_grad_(False)  # type: ignore[no-any-return]

        return at


def _merged_layers(model: Any) -> "Iterator[tuple[torch.Tensor, torch.Tensor]]":
    """The base weight of each adapted layer, with what it is when merged, made as it is asked for."""
    for layer in lora_layers(model):
        weight = layer.get_base_layer().weight
        (adapter,) = layer.active_adapters
        yield weight, layer.lora_variant[adapter].merge_safe(layer, adapter, weight)
