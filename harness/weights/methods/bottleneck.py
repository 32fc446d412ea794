"""Bottleneck adapters: small layers behind or beside the sublayers of a frozen model.

They have a non-linearity, so there are no weights between base and trained: an alpha scales what they add.
"""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from harness.weights.methods.method import Interpolation, MethodSettings
from harness.weights.methods.scaled_method import ScaledMethod

if TYPE_CHECKING:
    from torch import nn

Place = Literal["attention", "feed-forward"]
BOTH: list[Place] = ["attention", "feed-forward"]
OUTPUT_SCALING = Interpolation(
    "output",
    "The adapter's output is scaled, which is not a point between two sets of weights. For those, use lora or full.",
)


class SerialSettings(MethodSettings):
    """An adapter of `size` units behind each sublayer, before its output is added to the residual stream.

    It reads the sublayer's output (Houlsby et al. 2019), or the stream with that added (`reads: stream`, with
    `places: [feed-forward]` the adapter of Pfeiffer et al. 2021). `target_modules` replaces `places` where a model
    names its sublayers oddly: a regular expression, or a list of names' ends.
    """

    mode: ClassVar[str] = "serial"
    size: int = Field(default=64, ge=1)
    nonlinearity: str = "swish"
    scale: float = Field(default=1.0, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    reads: Literal["sublayer", "stream"] = "sublayer"
    places: list[Place] = Field(default=BOTH, min_length=1)
    target_modules: str | list[str] | None = None


class ParallelSettings(SerialSettings):
    """An adapter of `size` units beside each sublayer; what it adds is multiplied by `scale`.

    It reads the residual stream before it is normalised, as AdapterHub has it, or with `reads: sublayer` what the
    sublayer reads. In the paper's models, which normalise last, that is the same. `target_modules` is as for the
    serial adapter.
    """

    mode: ClassVar[str] = "parallel"
    nonlinearity: str = "relu"
    scale: float = Field(default=4.0, gt=0)
    reads: Literal["sublayer", "stream"] = "stream"
    places: list[Place] = Field(default=["feed-forward"], min_length=1)


class BottleneckSerial(ScaledMethod[SerialSettings]):
    """Adapters behind sublayers, stored apart from the base."""

    name = "bottleneck-serial"
    title = "serial bottleneck adapters"
    paper = "Houlsby et al. 2019, arXiv:1902.00751; Pfeiffer et al. 2021, arXiv:2005.00247"
    interpolation = OUTPUT_SCALING
    merges = False
    batches = True
    settings: type[SerialSettings] = SerialSettings

    def config(self, settings: SerialSettings) -> Any:
        """The configuration of the harness's own tuner, which peft knows as BOTTLENECK."""
        from harness.weights.peft_methods.bottleneck_config import BottleneckConfig

        return BottleneckConfig(task_type="CAUSAL_LM", mode=settings.mode, **settings.model_dump())

    def check_fit(self, base: "nn.Module", settings: SerialSettings) -> None:
        """Raises ValueError where the base's sublayers can't be found or take no adapter."""
        from harness.weights.peft_methods.bottleneck import check

        check(base, self.config(settings))

    def layers(self, model: Any) -> list[Any]:
        """The wrapped sublayers."""
        from harness.weights.peft_methods.bottleneck_layer import BottleneckLayer

        return [module for module in model.modules() if isinstance(module, BottleneckLayer)]


class BottleneckParallel(BottleneckSerial):
    """Adapters beside sublayers, stored apart from the base."""

    name = "bottleneck-parallel"
    title = "parallel bottleneck adapters"
    paper = "He et al. 2022, arXiv:2110.04366"
    settings = ParallelSettings
