"""Partial fine-tuning: embeddings and lower layers are frozen, the top layers and what follows them learn.

With `unfreeze: gradual` they thaw from the top down, one more each epoch (Howard & Ruder 2018, section 3.3).
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from harness.errors import InputError
from harness.weights.methods.decoder_layers import above_the_layers, decoder_layers, in_layers
from harness.weights.methods.method import MethodSettings
from harness.weights.methods.plain_weights import PlainWeights

if TYPE_CHECKING:
    from torch import nn


class FreezeSettings(MethodSettings):
    """How many of the top decoder layers learn; `gradual` lets epoch k (from 0 on) train the top k + 1 of them.

    The final norm learns too, and so does the output layer unless it is tied to the embeddings. With fewer epochs than
    layers, gradual thawing never reaches the lowest of them.
    """

    layers: int = Field(default=2, ge=1)
    unfreeze: Literal["none", "gradual"] = "none"


class Freeze(PlainWeights[FreezeSettings]):
    """The top of the model is trained, stored and loaded."""

    name = "freeze"
    title = "partial fine-tuning"
    paper = "Lee et al. 2019, arXiv:1911.03090; gradual unfreezing: Howard & Ruder 2018, arXiv:1801.06146"
    settings = FreezeSettings

    def attach(self, base: "nn.Module", settings: FreezeSettings) -> "nn.Module":
        """The base with gradients at its top only; raises InputError if it has fewer layers."""
        there = len(decoder_layers(base))
        if settings.layers > there:
            raise InputError(
                f"freeze: layers is {settings.layers}, but this base has {there}, so it isn't clear what shall learn. "
                f"Give a number from 1 to {there}, or take the method full, which trains the embeddings too."
            )
        self._thaw(base, settings.layers)
        return base

    def begin_epoch(self, model: "nn.Module", settings: FreezeSettings, epoch: int) -> None:
        """Thaws one more layer, from the top down."""
        if settings.unfreeze == "gradual":
            self._thaw(model, min(epoch + 1, settings.layers))

    def expected(self, base: "nn.Module", stored: Collection[str]) -> set[str]:
        """Those of as many layers as are stored, and what follows them; all where there is no layer."""
        layers = sum(any(name.startswith(f"{layer}.") for name in stored) for layer, _ in decoder_layers(base))
        if not layers:
            return {name for name, _ in base.named_parameters()}
        return {*in_layers(base, layers), *above_the_layers(base)}

    def _thaw(self, model: "nn.Module", layers: int) -> None:
        """Lets the top `layers` learn, and what follows them, and nothing else."""
        names = {*in_layers(model, layers), *above_the_layers(model)}
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in names)
