"""Full fine-tuning: every weight learns. Interpolation is that of WiSE-FT (Wortsman et al. 2022)."""

from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import CacheError
from harness.weights.interpolation import lerp_into
from harness.weights.methods.method import Interpolation, Method, MethodSettings

if TYPE_CHECKING:
    import torch
    from torch import nn

FILE = "weights.safetensors"


class FullSettings(MethodSettings):
    """Full fine-tuning has no settings."""


class Full(Method[FullSettings]):
    """All weights are trained, stored and loaded."""

    name = "full"
    title = "full fine-tuning"
    paper = "Howard & Ruder 2018, arXiv:1801.06146; interpolation: Wortsman et al. 2022, arXiv:2109.01903"
    interpolation = Interpolation("weights")
    merges = True
    batches = False
    settings = FullSettings

    def attach(self, base: "nn.Module", settings: FullSettings) -> "nn.Module":
        """The base with all gradients on."""
        return base.requires_grad_(True)

    def save(self, model: "nn.Module", folder: Path) -> None:
        """Writes all parameters (tied ones once) to `folder`."""
        from safetensors.torch import save_file

        save_file({name: p.detach().contiguous().cpu() for name, p in model.named_parameters()}, folder / FILE)

    def restore(self, base: "nn.Module", folder: Path, alpha: float = 1.0) -> "nn.Module":
        """The model with weights `(1 - alpha) * base + alpha * trained`; exact at both ends."""
        lerp_into(dict(base.named_parameters()), self._trained(base, folder), alpha)
        return base.requires_grad_(False)

    def reload(self, model: "nn.Module", folder: Path) -> None:
        """Copies the trained weights into `model`."""
        lerp_into(dict(model.named_parameters()), self._trained(model, folder), 1.0)

    def switched_off(self, model: "nn.Module") -> None:
        """Nothing lies beside the base that could be switched off."""
        return

    def _trained(self, base: "nn.Module", folder: Path) -> "dict[str, torch.Tensor]":
        """The weights that `save` wrote to `folder`; raises CacheError if they aren't all those of `base`."""
        from safetensors.torch import load_file

        path = folder / FILE
        trained = load_file(path) if path.is_file() else {}
        named = dict(base.named_parameters())
        odd = [name for name in named.keys() | trained.keys() if name not in trained or name not in named]
        odd = odd or [name for name, parameter in named.items() if parameter.shape != trained[name].shape]
        if odd:
            raise CacheError(
                f"{path}: doesn't hold the weights of this base (for example {min(odd)}), so they can't be loaded. "
                "Remove that folder: they are trained anew then."
            )
        return trained
