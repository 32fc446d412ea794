"""Points between the base and trained weights: `(1 - alpha) * base + alpha * trained`, in place, exact at both ends.

Source: WiSE-FT (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", arXiv:2109.01903).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def lerp_into(weights: "Mapping[str, torch.Tensor]", trained: "Mapping[str, torch.Tensor]", alpha: float) -> None:
    """Moves every tensor of `weights` that `trained` has too, of the same shape, by `alpha` towards it, in place.

    At 0 nothing changes and at 1 the values are those of `trained`, to the bit.
    """
    import torch

    with torch.no_grad():
        for name, target in trained.items():
            here = weights[name]
            here.copy_(torch.lerp(here, target.to(device=here.device, dtype=here.dtype), alpha))
