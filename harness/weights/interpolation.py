"""Points between the base and trained weights, and means of trained weights; in place, and exact where they must be.

`(1 - alpha) * base + alpha * trained` is WiSE-FT (Wortsman et al. 2022, arXiv:2109.01903), the mean of several
trainings a uniform soup (Wortsman et al. 2022, arXiv:2203.05482). Knows nothing of methods: it sees named tensors.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from harness.errors import InputError

if TYPE_CHECKING:
    import torch
    from torch import nn


def lerp_into(weights: "Mapping[str, torch.Tensor]", trained: "Mapping[str, torch.Tensor]", alpha: float) -> None:
    """Moves every tensor of `weights` that `trained` has too, of the same shape, by `alpha` towards it, in place.

    At 0 nothing changes and at 1 the values are those of `trained`, to the bit.
    """
    import torch

    with torch.no_grad():
        for name, target in trained.items():
            here = weights[name]
            here.copy_(torch.lerp(here, target.to(device=here.device, dtype=here.dtype), alpha))


class Line:
    """The line through base and trained weights, on which the weights of a loaded model move to and fro.

    It keeps a copy of both ends of what was trained, where the weights are, so that it needs thrice their memory, and
    a move costs one pass over them. Points don't depend on the points before, and both ends are exact to the bit.
    """

    def __init__(self, weights: "Mapping[str, torch.Tensor]", trained: "Mapping[str, torch.Tensor]") -> None:
        """`weights` are the base's, which will move; `trained` has the same shapes and may lack some of them."""
        self._ends = [
            (here, here.detach().clone(), target.detach().to(device=here.device, dtype=here.dtype, copy=True))
            for here, target in ((weights[name], target) for name, target in trained.items())
        ]

    def move(self, alpha: float) -> None:
        """Moves the weights to `(1 - alpha) * base + alpha * trained`, in place."""
        import torch

        with torch.no_grad():
            for here, base, trained in self._ends:
                torch.lerp(base, trained, alpha, out=here.detach())


def average(models: "Iterable[nn.Module]") -> "nn.Module":
    """The first of `models`, its weights replaced by the mean of all of theirs (a uniform soup).

    `models` are plain ones of one architecture; given as a generator, at most two are in memory at once. Sums are kept
    on the CPU, in float64 for float32 weights and in float32 for shorter ones: wide enough that, for weights of
    similar size, the order of the models doesn't change a bit, and that the mean of equal models is that model.
    Raises InputError if there is no model or the models don't have the same weights.
    """
    import torch

    first, count, sums = None, 0, dict[str, torch.Tensor]()
    for model in models:
        here = {name: parameter.detach() for name, parameter in model.named_parameters()}
        if first is None:
            first, sums = model, {name: _wide(weight) for name, weight in here.items()}
        elif {name: weight.shape for name, weight in here.items()} != {name: s.shape for name, s in sums.items()}:
            raise InputError(
                "average: the models have other weights than one another, so they have no mean. "
                "Average trainings of one recipe from one base."
            )
        else:
            for name, weight in here.items():
                sums[name] += weight.cpu()
        count += 1
    if first is None:
        raise InputError("average: there are no models, so they have no mean. Give at least one.")
    with torch.no_grad():
        for name, parameter in first.named_parameters():
            parameter.copy_(sums[name].div_(count))
    return first


def _wide(weight: "torch.Tensor") -> "torch.Tensor":
    """A copy on the CPU in a number format that holds sums of weights like `weight` exactly."""
    import torch

    wide = torch.float64 if weight.dtype in (torch.float32, torch.float64) else torch.float32
    return weight.to(device="cpu", dtype=wide, copy=True)
