"""Finds a causal language model's decoder layers and what it computes after them, whatever they are called."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from harness.errors import InputError

if TYPE_CHECKING:
    from torch import nn


def decoder_layers(model: "nn.Module") -> "list[tuple[str, nn.Module]]":
    """The name and module of each decoder layer, the lowest first; raises InputError if there are none.

    They are the longest list of modules that lies in no other list, as a layer's experts would.
    """
    from torch import nn

    lists = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.ModuleList)]
    outer = [pair for pair in lists if not any(pair[0].startswith(f"{name}.") for name, _ in lists)]
    if not outer:
        raise InputError(
            f"freeze: {type(model).__name__} has no list of layers, so it can't be said which are the top ones. "
            "Take another method: full or lora."
        )
    name, longest = max(outer, key=lambda pair: len(pair[1]))
    return [(f"{name}.{position}", layer) for position, layer in enumerate(longest)]


def above_the_layers(model: Any) -> list[str]:
    """The names of the parameters that are used only after the top decoder layer: final norm, and the output layer.

    An output layer that is tied to the embeddings is not among them. Which modules they are is seen from the order of
    one forward pass of one token, since architectures register them in any order.
    """
    import torch

    top = decoder_layers(model)[-1][1]
    called: list[Any] = []
    hooks = [module.register_forward_hook(lambda module, *_: called.append(module)) for module in model.modules()]
    training = model.training
    try:
        with torch.no_grad():
            model.eval()(input_ids=torch.zeros((1, 1), dtype=torch.long, device=next(model.parameters()).device))
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    end = called.index(top)
    before = {id(parameter) for module in called[:end] for parameter in module.parameters(recurse=False)}
    after = {id(parameter) for module in called[end + 1 :] for parameter in module.parameters(recurse=False)}
    return [name for name, parameter in model.named_parameters() if id(parameter) in after - before]


def in_layers(model: "nn.Module", count: int) -> Iterator[str]:
    """The names of the parameters of the top `count` decoder layers."""
    prefixes = tuple(f"{name}." for name, _ in decoder_layers(model)[-count:])
    return (name for name, _ in model.named_parameters() if name.startswith(prefixes))
