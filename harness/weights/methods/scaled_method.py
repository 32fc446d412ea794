"""Adapters whose layers add something times a scale: an alpha multiplies that scale.

What that means is another matter: for LoRA's deltas it is a point between two sets of weights, for adapters that are
not linear it is output scaling. Each method says which.
"""

from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.weights.methods.method import Settings
from harness.weights.methods.peft_method import PeftMethod

if TYPE_CHECKING:
    from torch import nn


class ScaledMethod(PeftMethod[Settings]):
    """An adapter with layers that have a dict `scaling`, by adapter."""

    @abstractmethod
    def layers(self, model: Any) -> list[Any]:
        """The layers of the restored `model` that have a scale."""

    def scale(self, model: Any, alpha: float) -> Any:
        """The model with what every layer adds times `alpha`."""
        for layer in self.layers(model):
            for adapter in layer.scaling:
                layer.scaling[adapter] *= alpha  # whatever the scale is made of: peft #2733 made it anew, and wrongly
        return model

    def line(self, base: "nn.Module", folder: Path) -> "Callable[[float], nn.Module] | None":
        """A function that sets the scale of every layer, and gives the model."""
        model = self.restore(base, folder)
        trained = [(layer.scaling, dict(layer.scaling)) for layer in self.layers(model)]

        def at(alpha: float) -> "nn.Module":
            for scaling, full in trained:
                scaling.update({adapter: alpha * scale for adapter, scale in full.items()})
            return model

        return at
