"""Where models compute, in which number format, and in how many bits the base is held."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from harness.runs import JSON, processor

if TYPE_CHECKING:
    import torch

Bits = Literal["4bit", "8bit"]


@dataclass(frozen=True)
class Hardware:
    """Where models compute and in which number format.

    With `spread` the base is divided over all devices, and over main memory and the disk where these don't suffice; it
    takes at most `max_memory` of each (accelerate's words: `{0: "20GiB", "cpu": "60GiB"}`). With `load_in` its linear
    layers are held in so many bits, and computed with in `dtype`.
    """

    device: "torch.device"
    dtype: "torch.dtype"
    spread: bool = False
    max_memory: Mapping[int | str, str] = field(default_factory=dict, hash=False)
    load_in: Bits | None = None

    @property
    def identity(self) -> dict[str, JSON]:
        """What numbers depend on: not how a model is divided, since each layer computes the same wherever it lies."""
        return {"device": self.device.type, "dtype": str(self.dtype), "load_in": self.load_in}

    @property
    def pace(self) -> dict[str, JSON]:
        """What measured times depend on beside all that numbers do: a cache may be shared by unlike machines."""
        import torch

        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else processor()
        divided: JSON = [self.spread, {str(one): most for one, most in self.max_memory.items()}]
        return {**self.identity, "processor": name, "threads": torch.get_num_threads(), "spread": divided}

    @property
    def plain(self) -> bool:
        """Whether all weights lie on the one device in `dtype`, so that they can be read, merged and moved."""
        return not (self.spread or self.load_in)


def own_randomness(hardware: Hardware) -> AbstractContextManager[None]:
    """Leaves torch's generators as they were: what others draw doesn't depend on what is trained or restored here."""
    import torch

    return torch.random.fork_rng([hardware.device] if hardware.device.type == "cuda" else [])
