"""What all methods that peft carries out have in common: attaching, storing, loading and switching off are peft's."""

import warnings
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import CacheError, InputError
from harness.weights.methods.method import Method, Settings

if TYPE_CHECKING:
    from torch import nn

FILES = ("adapter_config.json", "adapter_model.safetensors")


class PeftMethod(Method[Settings]):
    """An adapter beside a frozen base, stored in peft's own format: `PeftModel.from_pretrained` loads it."""

    batches = False

    @abstractmethod
    def config(self, settings: Settings) -> Any:
        """Peft's configuration for these settings, for a causal language model."""

    def check_fit(self, base: "nn.Module", settings: Settings) -> None:
        """Raises ValueError, with a remedy, if the adapter can't be put beside `base`; peft may find more."""

    def scale(self, model: Any, alpha: float) -> Any:
        """The restored peft `model` at an `alpha` below 1, consumed; raises InputError where that has no meaning."""
        raise InputError(f"{self.name}@{alpha:g}: {self.title} can't be interpolated. {self.interpolation.note}")

    def attach(self, base: "nn.Module", settings: Settings) -> "nn.Module":
        """A peft model whose adapter learns and whose base is frozen; raises InputError if it doesn't fit the base."""
        from peft import get_peft_model

        try:
            self.check_fit(base, settings)
        except ValueError as error:
            raise InputError(f"{self.name}: {error}") from error
        try:
            with quiet_peft():
                return get_peft_model(base, self.config(settings))  # type: ignore[no-any-return]
        except ValueError as error:
            raise InputError(
                f"{self.name}: the adapter can't be put beside this base ({error}). "
                "Set target_modules to all-linear or to the names of its layers."
            ) from error

    def save(self, model: Any, folder: Path) -> None:
        """Writes the adapter in peft's own format, without what differs between machines and processes."""
        config = model.peft_config[model.active_adapter]
        config.base_model_name_or_path = ""  # peft replaces None by the path of the base on this machine
        for key, value in vars(config).items():
            if isinstance(value, set):  # in another order in each process
                setattr(config, key, sorted(value))
        model.save_pretrained(folder, save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)  # a model card with nothing filled in

    def restore(self, base: "nn.Module", folder: Path, alpha: float = 1.0) -> "nn.Module":
        """The peft model at `alpha`; raises CacheError, or InputError for an alpha that the method can't give."""
        from peft import PeftModel

        with self._loading(folder):
            model = PeftModel.from_pretrained(base, folder).eval()
        return model if alpha == 1 else self.scale(model, alpha).eval()  # type: ignore[no-any-return]

    def reload(self, model: Any, folder: Path) -> None:
        """Puts the stored adapter into the attached `model`."""
        with self._loading(folder):
            model.load_adapter(folder, model.active_adapter, is_trainable=True)

    def switched_off(self, model: Any) -> AbstractContextManager[None]:
        """A context without the adapter."""
        return model.disable_adapter()  # type: ignore[no-any-return]

    def merged(self, model: Any) -> Any:
        """The base with the adapter folded into its weights."""
        return model.merge_and_unload()

    @contextmanager
    def _loading(self, folder: Path) -> Iterator[None]:
        """Turns whatever goes wrong when peft loads the adapter in `folder` into a CacheError."""
        absent = [name for name in FILES if not (folder / name).is_file()]  # which peft would ask a hub for
        problem = f"has no {' and no '.join(absent)}" if absent else ""
        if not problem:
            with quiet_peft():
                warnings.filterwarnings("error", message=".*missing adapter keys")  # they would be the base's
                try:
                    yield
                except (UserWarning, ValueError, RuntimeError) as error:
                    problem = f"doesn't fit this base ({error})"
        if problem:
            raise CacheError(
                f"{folder}: {problem}, so the adapter can't be loaded. Remove that folder: it is trained anew then."
            )


@contextmanager
def quiet_peft() -> Iterator[None]:
    """Without peft's warnings about how it uses transformers, which are not the user's concern."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield
