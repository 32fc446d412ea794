"""ReFT (Wu et al. 2024): learnt interventions on the hidden states at the first and last positions of the prompt.

The weights stay the base's, so there are none between base and trained: an alpha scales what an intervention changes.
"""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, NonNegativeInt, model_validator

from harness.weights.methods.method import Interpolation, MethodSettings
from harness.weights.methods.scaled_method import ScaledMethod

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


class Loreft(ScaledMethod[ReftSettings]):
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

    def check_fit(self, base: "nn.Module", settings: ReftSettings) -> None:
        """Raises ValueError where the base has no such layers, or is narrower than the rank."""
        from harness.weights.peft_methods.reft import check

        check(base, self.config(settings))

    def layers(self, model: Any) -> list[Any]:
        """The wrapped decoder layers."""
        from harness.weights.peft_methods.reft_layer import ReftLayer

        return [module for module in model.modules() if isinstance(module, ReftLayer)]


class Direft(Loreft):
    """The same without orthonormal axes and without the difference: faster, and LoRA's form on hidden states."""

    name = "direft"
    title = "DiReFT"
