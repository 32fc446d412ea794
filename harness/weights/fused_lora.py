"""Peft's plain LoRA layer as one operation, with its gradient: quicker on CPUs, and the same to within rounding.

Peft adds `B(A(x)) * scaling` to the frozen layer's output in three passes over memory; here it is one product that
adds to it in place, forwards and backwards. Everything that isn't such a layer stays as it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn


@contextmanager
def fused_lora(model: "nn.Module") -> Iterator[int]:
    """While entered, plain LoRA layers of `model` on the CPU are computed in one operation; gives how many there are.

    Plain are peft's own over a frozen `torch.nn.Linear`, with one active adapter that isn't merged, no dropout, no
    variant (DoRA), no bias of its own, and no hooks, which would not be called. None of that may change meanwhile.
    """
    layers = [module for module in model.modules() if _is_plain(module)]
    for layer in layers:
        layer.forward = partial(_forward, layer)  # before the class's own, and gone again when deleted
    try:
        yield len(layers)
    finally:
        for layer in layers:
            del layer.forward


def _forward(layer: Any, x: Any) -> Any:
    import torch

    from harness.weights.fused_lora_function import FusedLora

    name = layer.active_adapters[0]
    base, down, up = layer.base_layer, layer.lora_A[name].weight, layer.lora_B[name].weight
    short = torch.is_autocast_enabled("cpu")  # then peft computes in bfloat16 throughout, and else in the adapter's
    if base.weight.dtype != (torch.bfloat16 if short else down.dtype):
        return type(layer).forward(layer, x)
    return FusedLora.apply(x, base.weight, base.bias, down, up, layer.scaling[name])  # type: ignore[no-untyped-call]


def _is_plain(module: Any) -> bool:
    from peft.tuners.lora import Linear
    from torch import nn

    if type(module) is not Linear or type(module.base_layer) is not nn.Linear or len(module.active_adapters) != 1:
        return False
    name = module.active_adapters[0]
    if module.disable_adapters or module.merged or name not in module.lora_A or name in module.lora_variant:
        return False
    if not _is_nothing(module.lora_dropout[name]):
        return False
    parts = [module.base_layer, module.lora_A[name], module.lora_B[name]]
    own_bias = any(part.bias is not None for part in parts[1:])
    frozen = not any(parameter.requires_grad for parameter in module.base_layer.parameters())
    return frozen and not own_bias and not any(map(_is_hooked, parts)) and module.base_layer.weight.device.type == "cpu"


def _is_nothing(dropout: Any) -> bool:
    from torch import nn

    return isinstance(dropout, nn.Identity) or getattr(dropout, "p", None) == 0


def _is_hooked(module: Any) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks or module._backward_hooks)
