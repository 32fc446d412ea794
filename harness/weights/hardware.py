"""Where models compute, and in which number format."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Hardware:
    """Where models compute and in which number format."""

    device: "torch.device"
    dtype: "torch.dtype"
