"""Rank-stabilised LoRA (Kalajdzievski 2023) by peft: LoRA whose deltas are scaled by `alpha / sqrt(rank)`.

With LoRA's `alpha / rank` a higher rank learns no faster; with this scale it does. All else is LoRA's.
"""

from typing import Any

from pydantic import Field

from harness.weights.methods.lora import Lora, LoraSettings


class RsLoraSettings(LoraSettings):
    """Rank and scale (`alpha / sqrt(rank)`) of the deltas, and the layers that get one, as for LoRA."""

    alpha: float = Field(default=8, gt=0)


class RsLora(Lora):
    """LoRA with a scale that suits high ranks."""

    name = "rslora"
    title = "rank-stabilised LoRA"
    paper = "Kalajdzievski 2023, arXiv:2312.03732"
    settings = RsLoraSettings

    def config(self, settings: LoraSettings) -> Any:
        """Peft's LoraConfig with `use_rslora`."""
        config = super().config(settings)
        config.use_rslora = True
        return config
