"""ReFT (Wu et al. 2024): learnt interventions on the hidden states at the first and last positions of the prompt.

The weights stay the base's, so there are none between base and trained: an alpha scales what an intervention changes.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, NonNegativeInt, model_validator

from harness.errors import InputError
from harness.weights.methods.method import Interpolation, MethodSettings
from harness.weights.methods.peft_method import PeftMethod

if TYPE_CHECKING:
    from torch import nn


class ReftSettings(MethodSettings):
    """Interventions of `rank` behind `layers`, at the `first` and the `last` positions of the prompt.

    `layers` is `all` or a list of numbers from 0 on. `tied` uses the same weights at the first and the last positions.
    `act_fn` is a name that transformers knows. `dropout` is on the whole hidden state, as in pyreft.
    """

    rank: int = Field(default=4, ge=1)
    layers: Literal["all"] | list[NonNegativeInt] = "all"
    first: int = Field(default=4, ge=0)
    last: int = Field(default=4, ge=0)
    tied: bool = False
    dropout: float = Field(default=0.0, ge=0, lt=1)
    act_fn: str = "linear"

    @model_validator(mode="after")
    def _some_position(self) -> "ReftSettings":
        if not self.first + self.last:
            raise ValueError("first and last are both 0, so nothing would be changed. Give at least one position.")
        return self


class Loreft(PeftMethod[ReftSettings]):
    """Interventions in a learnt subspace with orthonormal axes, stored apart from the base."""

    name = "loreft"
    title = "LoReFT"
    paper = "Wu et al. 2024, arXiv:2404.03592"
    interpolation = Interpolation(
        "output",
        "The change of the hidden states is scaled, which is not a point between two sets of weights. For those, use "
        "lora or full.",
    )
    merges = False  # they act on some positions of the prompt, and weights act on all
    batches = True
    settings = ReftSettings

    def config(self, settings: ReftSettings) -> Any:
        """The configuration of the harness's own tuner, which peft knows as REFT."""
        from harness.weights.peft_methods.reft_config import ReftConfig

        return ReftConfig(task_type="CAUSAL_LM", kind=self.name, **settings.model_dump())

    def attach(self, base: "nn.Module", settings: ReftSettings) -> "nn.Module":
        """A peft model whose interventions learn and whose base is frozen; raises InputError if they don't fit it."""
        from harness.weights.peft_methods.reft import check

        try:
            check(base, self.config(settings))
        except ValueError as error:
            raise InputError(f"{self.name}: {error}") from error
        return super().attach(base, settings)

    def scale(self, model: Any, alpha: float) -> Any:
        """The model with what every intervention changes times `alpha`."""
        for layer in _layers(model):
            for adapter in layer.scaling:
                layer.scaling[adapter] *= alpha
        return model

    def line(self, base: "nn.Module", folder: Path) -> "Callable[[float], nn.Module] | None":
        """A function that sets the scale of every intervention, and gives the model."""
        model = self.restore(base, folder)
        layers = _layers(model)

        def at(alpha: float) -> "nn.Module":
            for layer in layers:
                layer.scaling.update(dict.fromkeys(layer.scaling, alpha))
            return model

        return at


class Direft(Loreft):
    """The same without orthonormal axes and without the difference: faster, and LoRA's form on hidden states."""

    name = "direft"
    title = "DiReFT"


def _layers(model: Any) -> list[Any]:
    from harness.weights.peft_methods.reft_layer import ReftLayer

    return [module for module in model.modules() if isinstance(module, ReftLayer)]
