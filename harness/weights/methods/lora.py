"""LoRA (Hu et al. 2021) by peft: low-rank deltas beside frozen weights.

The delta of a layer is `scaling * B @ A`, linear in `scaling`: interpolating the weights is scaling the delta.
"""

from typing import Any

from pydantic import Field

from harness.weights.methods.method import Interpolation, MethodSettings
from harness.weights.methods.scaled_method import ScaledMethod


class LoraSettings(MethodSettings):
    """Rank and scale (`alpha / rank`) of the deltas, and the layers that get one.

    `target_modules` is `all-linear` (all but the output layer), a regular expression, or a list of names' ends.
    """

    rank: int = Field(default=16, ge=1)
    alpha: float = Field(default=32, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    target_modules: str | list[str] = "all-linear"


class Lora(ScaledMethod[LoraSettings]):
    """Low-rank deltas, stored apart from the base."""

    name = "lora"
    title = "LoRA"
    paper = "Hu et al. 2021, arXiv:2106.09685"
    interpolation = Interpolation("weights")
    merges = True
    answers_merged = True
    batches = True
    settings = LoraSettings

    def config(self, settings: LoraSettings) -> Any:
        """Peft's LoraConfig."""
        from peft import LoraConfig

        return LoraConfig(
            r=settings.rank,
            lora_alpha=settings.alpha,
            lora_dropout=settings.dropout,
            target_modules=settings.target_modules,
            task_type="CAUSAL_LM",
        )

    def layers(self, model: Any) -> list[Any]:
        """The layers with deltas."""
        return lora_layers(model)


def lora_layers(model: Any) -> list[Any]:
    """Peft's layers that hold a base layer and the deltas beside it."""
    from peft.tuners.lora import LoraLayer

    return [module for module in model.modules() if isinstance(module, LoraLayer)]
