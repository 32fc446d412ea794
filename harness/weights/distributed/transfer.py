"""Sends bytes, JSON and tensors from the leader to all, as numbers: nothing is pickled. Imports torch."""

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import distributed

from harness.weights.training.checkpoints import Checkpoint


def send_bytes(content: bytes | None, device: torch.device) -> bytes:
    """The leader's `content`, in every process; the others give None."""
    size = torch.tensor([len(content or b"")], dtype=torch.int64, device=device)
    distributed.broadcast(size, 0)
    data = torch.empty(int(size.item()), dtype=torch.uint8)
    if content:
        data = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    data = data.to(device)
    if len(data):
        distributed.broadcast(data, 0)
    return data.cpu().numpy().tobytes()


def send_tensors(tensors: Mapping[str, torch.Tensor], device: torch.device) -> None:
    """Gives the tensors of every process the leader's values, in place; all have the same names, shapes and types."""
    with torch.no_grad():
        for tensor in tensors.values():
            there = tensor.detach().to(device).contiguous()
            distributed.broadcast(there, 0)
            tensor.copy_(there)


def send_checkpoint(saved: Checkpoint | None, leads: bool, device: torch.device) -> Checkpoint | None:
    """The leader's checkpoint, on the CPU, in every process."""
    told: Any = json.loads(send_bytes(_header(saved) if leads else None, device))
    if told is None:
        return None
    tensors = {name: torch.empty(shape, dtype=getattr(torch, dtype)) for name, dtype, shape in told["tensors"]}
    if saved:
        tensors = dict(saved.tensors)
    send_tensors(tensors, device)
    return Checkpoint(tensors, told["content"])


def _header(saved: Checkpoint | None) -> bytes:
    """What of a checkpoint is no tensor, and what kinds of tensors it has, as JSON; null where there is none."""
    if saved is None:
        return b"null"
    kinds = [
        [name, str(tensor.dtype).removeprefix("torch."), list(tensor.shape)] for name, tensor in saved.tensors.items()
    ]
    return json.dumps({"content": saved.content, "tensors": kinds}).encode()
