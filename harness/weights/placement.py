"""Loads the base as the hardware says: on one device, spread over several (by accelerate), or in few bits.

What can be done with such a base is less than with a plain one; `check_placed` says so before anything is built.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.errors import InputError
from harness.weights.base import Base, load_model
from harness.weights.hardware import Hardware
from harness.weights.methods import method_of
from harness.weights.methods.plain_weights import PlainWeights
from harness.weights.quantised import import_bitsandbytes
from harness.weights.recipe import Recipe

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_NOT_IN_FEW_BITS = {
    "dora": "between base and trained it moves the base's own weights",
    "dpo": "beside such a base trl rounds the adapter to 16 bits, and what is stored would not be what was trained",
}


def load_base(base: Base, hardware: Hardware) -> "PreTrainedModel":
    """A fresh copy of the base as `hardware` says, in evaluation mode.

    Raises InputError if it can't be loaded so, or if bitsandbytes is needed and absent.
    """
    model = load_model(base, dtype=hardware.dtype, device=hardware.device, placed=_placed(hardware))
    if hardware.load_in:
        _mend(model)
    return model


def check_placed(recipes: Sequence[Recipe], hardware: Hardware, *, mean: bool = False) -> None:
    """Raises InputError if what these recipes make, one on top of the other, needs weights that can be changed.

    `mean` is whether the mean of several trainings is asked for.
    """
    if hardware.plain or not recipes:
        return
    name = ">".join(recipe.name for recipe in recipes) + ("@soup" if mean else "")
    how = _option(hardware)
    method, _ = method_of(recipes[-1])
    if isinstance(method, PlainWeights):
        raise InputError(
            f"{name}: {method.title} changes the base's own weights, which stay as they are with {how}. Train lora or "
            "another adapter, or leave that option out."
        )
    if hardware.load_in and (reason := _NOT_IN_FEW_BITS.get(method.name)):
        raise InputError(
            f"{name}: {method.title} can't be trained with {how}: {reason}. Train lora, or leave that out."
        )
    if hardware.load_in == "8bit" and method.name == "qlora":
        raise InputError(
            f"{name}: {method.title} trains beside a base in four bits, and it is loaded with {how}. Train lora, or "
            "say --load-in 4bit."
        )
    if len(recipes) > 1 or mean:
        raise InputError(
            f"{name}: a recipe would be merged into the base's weights, which stay as they are with {how}. Compare one "
            "recipe at a time and no soup, or leave that option out."
        )


def check_held(model: Any, hardware: Hardware) -> None:
    """Raises InputError if a part of a spread `model` lies in main memory or on the disk, where nothing can learn."""
    elsewhere = sorted(name for name, weight in model.named_parameters() if weight.is_meta)
    if elsewhere:
        raise InputError(
            f"the devices have no room for the whole base: {len(elsewhere)} of its weights ({elsewhere[0]}, …) lie in "
            f"main memory or on the disk ({_option(hardware)}), so nothing can be trained on top of them, nor loaded. "
            "Compare the base alone (--weights base), or hold it in fewer bits: --load-in 4bit."
        )


def _option(hardware: Hardware) -> str:
    return f"--load-in {hardware.load_in}" if hardware.load_in else "--device-map auto"


def _placed(hardware: Hardware) -> dict[str, Any]:
    """What `from_pretrained` is told, nothing where the base is loaded plainly."""
    placed: dict[str, Any] = {}
    if hardware.spread:
        placed |= {"device_map": "auto", "max_memory": dict(hardware.max_memory) or None}
    if hardware.load_in:
        placed |= {"device_map": placed.get("device_map", {"": hardware.device}), **_few_bits(hardware)}
    return placed


def _few_bits(hardware: Hardware) -> dict[str, Any]:
    """NF4 with its scales quantised too, as QLoRA's; or eight bits with a scale a row, as LLM.int8's."""
    from transformers import BitsAndBytesConfig

    import_bitsandbytes()
    settings: dict[str, Any] = {"load_in_8bit": True}
    if hardware.load_in == "4bit":
        settings = {
            "load_in_4bit": True,
            "bnb_4bit_quant_type": "nf4",
            "bnb_4bit_compute_dtype": hardware.dtype,
            "bnb_4bit_use_double_quant": True,
        }
    return {"quantization_config": BitsAndBytesConfig(**settings)}  # type: ignore[no-untyped-call]


def _mend(model: Any) -> None:
    """Puts layers of ours where bitsandbytes' own would be wrong, or would depend on what else is in a batch."""
    from bitsandbytes.nn import Linear4bit, Linear8bitLt

    from harness.weights.quantised_layer import WeightsOnly, layer_for

    for layer in model.modules():
        if type(layer) is Linear8bitLt:
            layer.__class__ = WeightsOnly
        elif type(layer) is Linear4bit:
            layer.__class__ = layer_for(layer.in_features, layer.weight.device)
            layer.support_avx512bf16_for_cpu = False  # would compute in bfloat16, and in evaluation only
