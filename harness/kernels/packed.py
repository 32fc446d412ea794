"""A module's linear layers with their weights laid out for oneDNN beforehand, and the GELU after one in the same pass.

Knows nothing of models: which GELU takes a linear layer's output is seen while an example runs. The weights are kept
twice, so this is for modules that are small and don't change. Imports torch.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

_MOST_BYTES = 1 << 29  # of weights, which are kept twice
_ROWS = 1_024  # for which the layout is chosen; others are right too
_TYPES = (torch.float32, torch.bfloat16)
_GELUS = ("none", "tanh")
_Forward = Callable[[torch.Tensor], torch.Tensor]


class PackedLinears:
    """The linear layers of `module`, packed, and those of its activations that become a part of one."""

    def __init__(self, module: torch.nn.Module, example: Callable[[], object]) -> None:
        """Runs `example`, which must run `module`, to see which layers a GELU follows.

        Nothing is packed on other devices than the CPU, in other formats than float32 and bfloat16, or if it were too
        much. Raises RuntimeError or AttributeError where this build of torch can't.
        """
        layers = [part for part in module.modules() if type(part) is torch.nn.Linear and _packable(part.weight)]
        if sum(layer.weight.nbytes for layer in layers) > _MOST_BYTES:
            layers = []
        gelus = _gelus_after(module, layers, example)
        followed = dict(gelus.values())
        self._state = _state(layers)
        self._layers = layers
        self._forwards: dict[torch.nn.Module, _Forward] = {
            layer: _forward(layer, followed.get(layer)) for layer in layers
        }
        self._forwards.update(dict.fromkeys(gelus, _same))

    @property
    def current(self) -> bool:
        """Whether weights and biases are still those that were packed, unless they were changed through `.data`."""
        return self._state == _state(self._layers)

    @property
    def fused(self) -> int:
        """How many activations are computed by the layer before them."""
        return len(self._forwards) - len(self._layers)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """While it is entered, the module computes by the packed weights; not for gradients, nor in two threads."""
        with ExitStack() as stack:
            for part, forward in self._forwards.items():
                if "forward" not in vars(part):  # else somebody else has put something in its place
                    part.forward = forward
                    stack.callback(vars(part).pop, "forward", None)
            yield


def _packable(weight: torch.Tensor) -> bool:
    return weight.device.type == "cpu" and weight.dtype in _TYPES and type(weight) is torch.nn.Parameter


def _state(layers: list[torch.nn.Linear]) -> list[tuple[int, int] | None]:
    return [
        None if tensor is None else (tensor.data_ptr(), tensor._version)
        for layer in layers
        for tensor in (layer.weight, layer.bias)
    ]


def _gelus_after(
    module: torch.nn.Module, layers: list[torch.nn.Linear], example: Callable[[], object]
) -> dict[torch.nn.Module, tuple[torch.nn.Linear, str]]:
    """The parts of `module` that are nothing but a GELU of what one layer gave, with that layer and the GELU's kind."""
    last: list[tuple[torch.nn.Linear, torch.Tensor]] = []
    seen: dict[torch.nn.Module, set[tuple[torch.nn.Linear | None, str]]] = {}

    def note_made(layer: torch.nn.Linear, _: Any, output: torch.Tensor) -> None:
        last[:] = [(layer, output)]

    def note_gelu(part: torch.nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        layer, given = last[0] if last else (None, None)
        kinds = [kind for kind in _GELUS if inputs and inputs[0] is given and _is_gelu(output, given, kind)]
        seen.setdefault(part, set()).add((layer, kinds[0]) if kinds else (None, ""))

    leaves = [part for part in module.modules() if not list(part.children()) and not list(part.parameters())]
    with ExitStack() as stack:
        for layer in layers:
            stack.callback(layer.register_forward_hook(note_made).remove)
        for part in leaves:
            stack.callback(part.register_forward_hook(note_gelu).remove)
        example()
    always = {part: next(iter(calls)) for part, calls in seen.items() if len(calls) == 1}
    times = Counter(layer for layer, _ in always.values())
    return {part: (layer, kind) for part, (layer, kind) in always.items() if layer is not None and times[layer] == 1}


def _is_gelu(output: Any, given: Any, kind: str) -> bool:
    return isinstance(output, torch.Tensor) and torch.equal(output, torch.nn.functional.gelu(given, approximate=kind))


def _forward(layer: torch.nn.Linear, gelu: str | None) -> _Forward:
    weight = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach().clone(), _ROWS)
    bias = layer.bias if layer.bias is None else layer.bias.detach()
    after, kind = ("gelu", gelu) if gelu else ("none", "")
    operation = torch.ops.mkldnn._linear_pointwise.default

    def forward(x: torch.Tensor) -> torch.Tensor:
        dense = x.contiguous()  # some strides make it a thousand times slower
        result: torch.Tensor = operation(dense, weight, bias, after, [], kind)
        return result

    return forward


def _same(x: torch.Tensor) -> torch.Tensor:
    return x
