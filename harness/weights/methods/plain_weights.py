"""What methods that change the base's own weights have in common: storing, loading and moving between two points."""

from abc import abstractmethod
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import CacheError
from harness.weights.interpolation import Line, lerp_into
from harness.weights.methods.method import Interpolation, Method, Settings

if TYPE_CHECKING:
    import torch
    from torch import nn

FILE = "weights.safetensors"


class PlainWeights(Method[Settings]):
    """Some or all of the base's weights are trained, stored (tied ones once) and loaded; nothing lies beside them."""

    interpolation = Interpolation("weights")
    merges = True
    batches = False

    @abstractmethod
    def expected(self, base: "nn.Module", stored: Collection[str]) -> set[str]:
        """Which weights of `base` a file must hold, given the names that are `stored` in it."""

    def save(self, model: "nn.Module", folder: Path) -> None:
        """Writes what may learn to `folder`."""
        from safetensors.torch import save_file

        learnt = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        save_file({name: p.detach().contiguous().cpu() for name, p in learnt.items()}, folder / FILE)

    def restore(self, base: "nn.Module", folder: Path, alpha: float = 1.0) -> "nn.Module":
        """The model with weights `(1 - alpha) * base + alpha * trained`; exact at both ends."""
        lerp_into(dict(base.named_parameters()), self._trained(base, folder), alpha)
        return base.requires_grad_(False)

    def line(self, base: "nn.Module", folder: Path) -> "Callable[[float], nn.Module]":
        """A function that moves the weights of `base` on the line to the trained ones."""
        line = Line(dict(base.named_parameters()), self._trained(base, folder))

        def at(alpha: float) -> "nn.Module":
            line.move(alpha)
            return base.requires_grad_(False)

        return at

    def reload(self, model: "nn.Module", folder: Path) -> None:
        """Copies the trained weights into `model`."""
        lerp_into(dict(model.named_parameters()), self._trained(model, folder), 1.0)

    def switched_off(self, model: "nn.Module") -> None:
        """Nothing lies beside the base that could be switched off."""
        return

    def _trained(self, base: "nn.Module", folder: Path) -> "dict[str, torch.Tensor]":
        """The weights that `save` wrote to `folder`; raises CacheError if they aren't those expected of `base`."""
        from safetensors.torch import load_file

        path = folder / FILE
        trained = load_file(path) if path.is_file() else {}
        named = dict(base.named_parameters())
        expected = self.expected(base, trained)
        odd = expected ^ trained.keys() or {name for name in expected if named[name].shape != trained[name].shape}
        if odd:
            raise CacheError(
                f"{path}: doesn't hold the weights of this base that {self.name} trains (for example {min(odd)}), so "
                "they can't be loaded. Remove that folder: they are trained anew then."
            )
        return trained
