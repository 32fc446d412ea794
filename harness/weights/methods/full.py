"""Full fine-tuning: every weight learns. Interpolation is that of WiSE-FT (Wortsman et al. 2022)."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from harness.weights.methods.method import MethodSettings
from harness.weights.methods.plain_weights import PlainWeights

if TYPE_CHECKING:
    from torch import nn


class FullSettings(MethodSettings):
    """Full fine-tuning has no settings."""


class Full(PlainWeights[FullSettings]):
    """All weights are trained, stored and loaded."""

    name = "full"
    title = "full fine-tuning"
    paper = "Howard & Ruder 2018, arXiv:1801.06146; interpolation: Wortsman et al. 2022, arXiv:2109.01903"
    settings = FullSettings

    def attach(self, base: "nn.Module", settings: FullSettings) -> "nn.Module":
        """The base with all gradients on."""
        return base.requires_grad_(True)

    def expected(self, base: "nn.Module", stored: Collection[str]) -> set[str]:
        """All of them."""
        return {name for name, _ in base.named_parameters()}
