"""Quantises a model's linear layers to four bits (NF4) in place, and back; by bitsandbytes, an extra.

NF4 and double quantisation are those of QLoRA (Dettmers et al. 2023, arXiv:2305.14314). Knows nothing of adapters.
"""

from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from harness.errors import InputError

if TYPE_CHECKING:
    from torch import nn


def check_bitsandbytes() -> None:
    """Raises InputError if bitsandbytes isn't installed; imports nothing."""
    if find_spec("bitsandbytes") is None:
        raise InputError(
            'bitsandbytes is not installed, so the base can\'t be quantised. Install it: pip install "harness[qlora]"'
        )


def import_bitsandbytes() -> ModuleType:
    """The bitsandbytes module; raises InputError if it isn't installed."""
    check_bitsandbytes()
    import bitsandbytes

    return bitsandbytes  # type: ignore[no-any-return]


def quantise(model: Any, *, double: bool) -> Any:
    """`model`, all its linear layers but the output head in NF4, in place; computed with in their own number format.

    With `double` the scales of the blocks of 64 weights are quantised too (4.1 instead of 4.5 bits a weight). The same
    weights give the same bits. Raises InputError if there is no such layer, or no bitsandbytes.
    """
    from torch import nn

    import_bitsandbytes()
    head = model.get_output_embeddings()
    names = [name for name, layer in model.named_modules() if type(layer) is nn.Linear and layer is not head]
    if not names:
        raise InputError(
            f"{type(model).__name__}: has no linear layers that could be quantised (GPT-2 and its kin have others), "
            "so it would only be called quantised. Use the recipe lora for this base."
        )
    for name in names:
        model.set_submodule(name, _nf4(model.get_submodule(name), double))
    model.is_loaded_in_4bit = True  # what peft and transformers look at
    return model


def dequantise(model: Any) -> Any:
    """`model` with plain linear layers again, in place: the values that it computed with."""
    for name, layer in list(model.named_modules()):
        if is_quantised(layer):
            model.set_submodule(name, dense(layer))
    model.is_loaded_in_4bit = False
    return model


def is_quantised(layer: Any) -> bool:
    """Whether `layer` is a linear layer in four bits."""
    return isinstance(layer, import_bitsandbytes().nn.Linear4bit)


def dense(layer: Any) -> "nn.Linear":
    """The plain linear layer with the values of a quantised one."""
    from torch import nn

    from harness.weights.quantised_layer import dequantised

    plain = nn.Linear(layer.in_features, layer.out_features, bias=layer.bias is not None, device="meta")
    plain.weight = nn.Parameter(dequantised(layer), requires_grad=False)
    plain.bias = layer.bias
    return plain.train(layer.training)


def _nf4(layer: "nn.Linear", double: bool) -> Any:
    """A quantised copy of `layer`."""
    from bitsandbytes.nn import Params4bit

    from harness.weights.quantised_layer import BLOCK, layer_for

    weight = layer.weight
    made = layer_for(layer.in_features, weight.device)(
        layer.in_features,
        layer.out_features,
        bias=layer.bias is not None,
        compute_dtype=weight.dtype,
        device="meta",  # its own initial weights are of no use
    )
    kind = {"blocksize": BLOCK, "compress_statistics": double, "quant_type": "nf4", "module": made}
    made.weight = Params4bit(weight.data, requires_grad=False, **kind).to(weight.device)
    made.bias = layer.bias
    made.support_avx512bf16_for_cpu = False  # would compute in bfloat16, and in evaluation only
    return made.train(layer.training)
