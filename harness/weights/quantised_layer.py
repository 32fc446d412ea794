"""Linear layers in few bits for which bitsandbytes' own won't do. Imported only where bitsandbytes is there.

On the CPU, bitsandbytes (0.50.2) takes every row of the weights to begin a new block of 64. Where a row is no multiple
of 64 wide it scales weights by the largest of other blocks, without a word: values are up to half of the largest off.

Its layer in eight bits (LLM.int8, Dettmers et al. 2022, arXiv:2208.07339) rounds activations too, and chooses the
columns that it doesn't round by all rows of a batch: what a model says to one case would depend on the others.
"""

from copy import copy
from typing import Any

import torch
from bitsandbytes.functional import dequantize_4bit, int8_vectorwise_dequant
from bitsandbytes.nn import Linear4bit, Linear8bitLt

BLOCK = 64  # weights that share a scale


class AcrossRows(Linear4bit):  # type: ignore[misc]  # bitsandbytes has no types
    """Blocks go on from row to row, as they were made. Gradients keep a dequantised copy until they are computed."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What a plain linear layer with the dequantised weights gives for `x`, `(…, inputs)`."""
        return torch.nn.functional.linear(x, dequantised(self).to(x.dtype), self.bias)


class WeightsOnly(Linear8bitLt):  # type: ignore[misc]
    """Weights in LLM.int8's eight bits, a scale a row, and activations in the model's own number format."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What a plain linear layer with the dequantised weights gives for `x`, `(…, inputs)`."""
        if self.weight.CB is not None:
            self.init_8bit_state()
        with torch.no_grad():
            weight = int8_vectorwise_dequant(self.weight.data, self.state.SCB)
        return torch.nn.functional.linear(x, weight.to(x.dtype), self.bias)


def layer_for(inputs: int, device: torch.device) -> Any:
    """The class of a layer with as many inputs."""
    return AcrossRows if device.type == "cpu" and inputs % BLOCK else Linear4bit


def dequantised(layer: Any) -> torch.Tensor:
    """The weights `(outputs, inputs)` that a layer in four bits computes with, in its number format."""
    state = copy(layer.weight.quant_state)
    state.shape = torch.Size((1, layer.out_features * layer.in_features))  # one row: no block is cut
    with torch.no_grad():
        flat: torch.Tensor = dequantize_4bit(layer.weight.data, state)
    return flat.reshape(layer.out_features, layer.in_features)
