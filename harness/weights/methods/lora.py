"""LoRA (Hu et al. 2021) by peft: low-rank deltas beside frozen weights.

The delta of a layer is `scaling * B @ A`, linear in `scaling`: interpolating the weights is scaling the delta.
"""

import warnings
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from harness.errors import CacheError, InputError
from harness.weights.methods.method import Method, MethodSettings

if TYPE_CHECKING:
    from torch import nn


FILES = ("adapter_config.json", "adapter_model.safetensors")


class LoraSettings(MethodSettings):
    """Rank and scale (`alpha / rank`) of the deltas, and the layers that get one.

    `target_modules` is `all-linear` (all but the output layer), a regular expression, or a list of names' ends.
    """

    rank: int = Field(default=16, ge=1)
    alpha: float = Field(default=32, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    target_modules: str | list[str] = "all-linear"


class Lora(Method[LoraSettings]):
    """Low-rank deltas, stored apart from the base."""

    name = "lora"
    settings = LoraSettings

    def attach(self, base: "nn.Module", settings: LoraSettings) -> "nn.Module":
        """A peft model whose deltas learn and whose base is frozen; raises InputError if no layer is targeted."""
        from peft import LoraConfig, get_peft_model

        config = LoraConfig(
            r=settings.rank,
            lora_alpha=settings.alpha,
            lora_dropout=settings.dropout,
            target_modules=settings.target_modules,
            task_type="CAUSAL_LM",
        )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # peft's use of transformers is not the user's concern
                return get_peft_model(base, config)  # type: ignore[no-any-return]
        except ValueError as error:
            raise InputError(
                f"lora: the deltas can't be put beside this base ({error}). "
                "Set target_modules to all-linear or to the names of its layers."
            ) from error

    def save(self, model: Any, folder: Path) -> None:
        """Writes the deltas in peft's own format, without what differs between machines and processes."""
        config = model.peft_config[model.active_adapter]
        config.base_model_name_or_path = ""  # peft replaces None by the path of the base on this machine
        if not isinstance(config.target_modules, str):
            config.target_modules = sorted(config.target_modules)  # a set, in another order in each process
        model.save_pretrained(folder, save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)  # a model card with nothing filled in

    def restore(self, base: "nn.Module", folder: Path, alpha: float = 1.0) -> "nn.Module":
        """The peft model with every delta times `alpha`; raises CacheError."""
        from peft import PeftModel
        from peft.tuners.lora import LoraLayer

        absent = [name for name in FILES if not (folder / name).is_file()]  # which peft would ask a hub for
        problem = f"has no {' and no '.join(absent)}" if absent else ""
        if not problem:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)
                warnings.filterwarnings("error", message=".*missing adapter keys")  # they would be the base's
                try:
                    model = PeftModel.from_pretrained(base, folder)
                except (UserWarning, ValueError, RuntimeError) as error:
                    problem = f"doesn't fit this base ({error})"
        if problem:
            raise CacheError(
                f"{folder}: {problem}, so the deltas can't be loaded. Remove that folder: they are trained anew then."
            )
        for module in model.modules():
            if isinstance(module, LoraLayer):
                for adapter in module.scaling:
                    module.scaling[adapter] *= alpha
        return model.eval()  # type: ignore[no-any-return]

    def switched_off(self, model: Any) -> AbstractContextManager[None]:
        """A context without the deltas."""
        return model.disable_adapter()  # type: ignore[no-any-return]
