"""QLoRA (Dettmers et al. 2023) by peft and bitsandbytes: LoRA beside a base whose linear layers are in four bits."""

from typing import TYPE_CHECKING, Any

from harness.errors import InputError
from harness.weights.methods.lora import Lora, LoraSettings, lora_layers
from harness.weights.methods.method import Interpolation
from harness.weights.quantised import check_bitsandbytes, dense, dequantise, is_quantised, quantise

if TYPE_CHECKING:
    from torch import nn


class QloraSettings(LoraSettings):
    """LoRA's settings, and whether the scales of the quantised weights are quantised too."""

    double_quantisation: bool = True


class Qlora(Lora):
    """Low-rank deltas beside a base in NF4. Embeddings, norms and the output head stay in the model's format."""

    name = "qlora"
    title = "QLoRA"
    paper = "Dettmers et al. 2023, arXiv:2305.14314"
    interpolation = Interpolation(
        "weights", note="On the dequantised base: @0 is the base in four bits (NF4), not the base itself."
    )
    answers_merged = False  # it would answer with a base that isn't quantised
    shards = False  # four bits aren't shared out
    settings = QloraSettings

    def check_available(self) -> None:
        """Raises InputError if bitsandbytes is not installed."""
        check_bitsandbytes()

    def prepare(self, base: "nn.Module", settings: Any) -> "nn.Module":
        """The base with its linear layers quantised, in place, unless it was loaded so (`--load-in 4bit`)."""
        loaded = getattr(base, "quantization_method", None)
        if loaded is not None and not (settings.double_quantisation and getattr(base, "is_loaded_in_4bit", False)):
            raise InputError(
                "qlora: the base was loaded in other bits than this recipe trains beside (four, in NF4, the scales "
                "quantised too). Use the recipe lora with --load-in, or leave that option out."
            )
        if loaded is not None:
            return base
        return quantise(base, double=settings.double_quantisation)  # type: ignore[no-any-return]

    def merged(self, model: Any) -> Any:
        """The dequantised base with the deltas added: a plain model, its weights not quantised again."""
        for layer in lora_layers(model):
            if is_quantised(layer.base_layer):
                layer.base_layer = dense(layer.base_layer)
            for adapter in layer.active_adapters:
                layer.base_layer.weight.data += layer.get_delta_weight(adapter)
        return dequantise(model.unload())
