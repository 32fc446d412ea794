"""Fully sharded data parallelism (Zhao et al. 2023, arXiv:2304.11277): torch's `fully_shard`, set up by accelerate.

Every process holds a piece of each weight, of its gradient and of what the optimizer remembers, and computes its share
of each batch; a layer's weights are put together just for as long as it computes. Imports torch and accelerate.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from harness.errors import TrainingError
from harness.weights.distributed.data_parallel import DataParallel
from harness.weights.distributed.mailbox import Mailbox
from harness.weights.training.examples import Example
from harness.weights.training.processes import Part


class Sharded(DataParallel):
    """One of several processes with a piece of the model each."""

    strategy = "fsdp"
    sharded = True

    def __init__(self, rank: int, count: int, device: torch.device, mailbox: Mailbox, accelerator: Any) -> None:
        super().__init__(rank, count, device, mailbox)
        self.gradient_scale = float(count)  # fully_shard takes the mean over the processes
        self._accelerator = accelerator

    def parts(self, examples: Sequence[Example], size: int) -> list[Part]:
        """As for whole models, filled up to as many parts as any process has: the layers are put together by all."""
        own = super().parts(examples, size)
        missing = -(-self.most(len(examples)) // size) - len(own)
        return [*own, *[Part(examples[:1], counts=False)] * missing]

    def share_out(self, model: nn.Module) -> nn.Module:
        """The model in pieces, in place, by accelerate's wrapping policy: a unit for each decoder layer.

        Raises TrainingError if torch can't share out what the model consists of.
        """
        from accelerate.utils import fsdp2_prepare_model  # type: ignore[import-untyped]

        super().share_out(model)
        model.to("cpu")  # each layer moves to the device when it is shared out
        for parameter in model.parameters():
            parameter.data = parameter.data.contiguous()  # which fully_shard asks for
        try:
            return fsdp2_prepare_model(self._accelerator, model)  # type: ignore[no-any-return]
        except (NotImplementedError, ValueError) as error:
            raise TrainingError(
                f"training: this model can't be shared out by FSDP ({error}). Launch with DDP (`accelerate launch "
                "--multi_gpu`)."
            ) from error

    def collected(self, model: nn.Module, anew: Callable[[], nn.Module]) -> nn.Module:
        """In the leader a new model that is whole, with the trained weights; in the others what they have."""
        from torch.distributed.tensor import DTensor

        trained = {}
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                held = parameter.detach()
                full = held.full_tensor() if isinstance(held, DTensor) else held
                if self.leads:
                    trained[name] = full.cpu()
        if not self.leads:
            return model
        whole = anew()
        with torch.no_grad():
            for name, parameter in whole.named_parameters():
                if name in trained:
                    parameter.copy_(trained[name])
        return whole.eval()

    def forget_copies(self, model: nn.Module) -> None:
        """Drops the layers that a forward pass has left whole."""
        from torch.distributed.fsdp import FSDPModule

        for module in model.modules():
            if isinstance(module, FSDPModule):
                module.reshard()

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Done already, in the backward pass."""
