"""The loss of a batch and its gradient, however many examples go through the model at once."""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.errors import InputError
from harness.weights.training.examples import Example, LossOn, prompt_mask, tokens
from harness.weights.training.layouts import LAYOUTS, Layout, exact_layout, ready_for
from harness.weights.training.processes import Part
from harness.weights.training.settings import TrainingSettings

if TYPE_CHECKING:
    import torch
    from torch import nn


class Loss:
    """The mean cross-entropy of the tokens that have a loss, in nats, as the model computes it."""

    def __init__(self, model: "nn.Module", settings: TrainingSettings, loss_on: LossOn) -> None:
        """Raises InputError if the device or the weights don't go with the settings."""
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._model, self._loss_on, self.device = model, loss_on, trained[0].device
        self._precision = _precision(trained) if settings.bf16 else nullcontext
        self._extra: dict[str, Any] = (
            {"use_cache": False} if settings.gradient_checkpointing else {}
        )  # a cache would be warned of
        self._layout: Layout = "padded"

    def arrange(self, examples: Sequence[Example]) -> Layout:
        """From now on, batches go through the model in the quickest layout that is exact for these examples."""
        import torch

        def call(layout: Layout, probe: Sequence[Example]) -> Any:
            training = self._model.training
            self._model.eval()
            try:
                with torch.no_grad():
                    return self._output(layout, probe)
            finally:
                self._model.train(training)

        self._layout = exact_layout(self._model, examples, self._loss_on, call)
        return self._layout

    def count(self, examples: Sequence[Example]) -> int:
        """How many tokens have a loss."""
        return tokens(examples, self._loss_on)

    def backward(self, parts: Sequence[Part], whole: int, scale: float = 1.0) -> float:
        """Adds the gradient of a batch's mean loss, a part at once, and returns that loss.

        The mean is over the `whole` batch's tokens, whatever the parts: each counts with its share of them, and what
        isn't among the parts is another process's. The gradient is multiplied by `scale`. Where the loss is no number,
        it is returned without a gradient.
        """
        mean = 0.0
        for part in parts:
            share = self.count(part.examples) / whole * part.counts
            with self._ready():
                loss = self._output(self._layout, part.examples).loss
                value: float = loss.item()
                if not math.isfinite(value):
                    return value
                (loss if share * scale == 1 else loss * (share * scale)).backward()
            mean += value * share
        return mean

    def mean(self, parts: Sequence[Part], whole: int) -> float:
        """The mean loss over the `whole` tokens of many examples, a part at once, without a gradient."""
        import torch

        with torch.no_grad(), self._ready():
            losses = [(self._output(self._layout, part.examples).loss.item(), part) for part in parts]
        return math.fsum(loss * self.count(part.examples) * part.counts for loss, part in losses) / whole

    def _ready(self) -> AbstractContextManager[object]:
        return ready_for(self._model, self._layout)

    def _output(self, layout: Layout, examples: Sequence[Example]) -> Any:
        inputs = {**self._extra, **LAYOUTS[layout](examples, self._loss_on)}
        if getattr(self._model, "takes_prompt_mask", False):  # labels don't say it where prompts are learnt too
            inputs["prompt_mask"] = prompt_mask(examples, inputs["input_ids"].shape[1])
        here = {name: value.to(self.device) if hasattr(value, "to") else value for name, value in inputs.items()}
        with self._precision():
            return self._model(**here)


def _precision(trained: "Sequence[torch.nn.Parameter]") -> Callable[[], AbstractContextManager[Any]]:
    """Makes contexts that compute in bfloat16; raises InputError where that can't be done beside float32 weights."""
    import torch

    device = trained[0].device
    if odd := {str(parameter.dtype) for parameter in trained} - {"torch.float32"}:
        raise InputError(
            f"training: bf16 computes in bfloat16 beside weights of float32, but here they are {', '.join(odd)}, and "
            "small steps would be rounded away. Load the base in float32 (`--dtype float32`), or write `bf16: false`."
        )
    if device.type == "cuda" and not torch.cuda.is_bf16_supported():
        raise InputError("training: this device can't compute in bfloat16. Write `bf16: false`.")
    return partial(torch.autocast, device.type, dtype=torch.bfloat16)
