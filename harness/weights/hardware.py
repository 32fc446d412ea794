"""Where models compute, and in which number format."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Hardware:
    """Where models compute and in which number format."""

    device: "torch.device"
    dtype: "torch.dtype"


def own_randomness(hardware: Hardware) -> AbstractContextManager[None]:
    """Leaves torch's generators as they were: what others draw doesn't depend on what is trained or restored here."""
    import torch

    return torch.random.fork_rng([hardware.device] if hardware.device.type == "cuda" else [])
