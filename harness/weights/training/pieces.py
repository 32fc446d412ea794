"""Tensors of which each process may hold a piece (torch's DTensor): the piece, and the whole.

A plain tensor is its own piece and its own whole, so one process needs none of it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def own(tensor: "torch.Tensor") -> "torch.Tensor":
    """What this process holds of a tensor, in the same memory."""
    held = tensor.detach()
    return held.to_local() if hasattr(held, "to_local") else held


def whole(tensor: "torch.Tensor", like: "torch.Tensor | None" = None, *, wanted: bool = True) -> "torch.Tensor":
    """All of a tensor that is shared out, on the CPU, or nothing where it isn't `wanted`: all processes ask for it.

    A plain `tensor` is a piece if it is shared out `like` another.
    """
    if like is not None and hasattr(like, "to_local"):
        tensor = _joined(tensor, like)
    if not hasattr(tensor, "full_tensor"):
        return tensor
    shared: Any = tensor.detach()
    full: torch.Tensor = shared.full_tensor().cpu()
    return full if wanted else full.new_empty(0)


def shared_out(tensor: "torch.Tensor", like: "torch.Tensor") -> "torch.Tensor":
    """A whole tensor shared out `like` another: all processes have it, and each keeps its piece."""
    if not hasattr(like, "to_local"):
        return tensor
    from torch.distributed.tensor import distribute_tensor

    shared: Any = like
    return distribute_tensor(tensor.to(like.device), shared.device_mesh, shared.placements)


def _joined(piece: "torch.Tensor", like: Any) -> "torch.Tensor":
    """The tensor that is shared out `like` another, of which this process holds that `piece`."""
    from torch.distributed.tensor import DTensor

    here, mesh = piece.to(like.device), like.device_mesh
    return DTensor.from_local(here, mesh, like.placements, shape=like.shape, stride=like.stride())
