"""What every method of deriving weights can do. One method is one file beside this one."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from torch import nn


class MethodSettings(BaseModel):
    """Base of the settings of a method."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Settings = TypeVar("Settings", bound=MethodSettings)


class Method(ABC, Generic[Settings]):
    """How weights are attached to a base, stored, loaded, switched off and interpolated.

    `restore` declares the interpolation: at `alpha` 0 the model equals the base, at 1 the trained one, exactly.
    A method that can't interpolate raises InputError for any other alpha, naming what to use instead.
    """

    name: ClassVar[str]
    settings: type[Settings]

    @abstractmethod
    def attach(self, base: "nn.Module", settings: Settings) -> "nn.Module":
        """The base made ready for training: what shall learn requires gradients, and nothing else does."""

    @abstractmethod
    def save(self, model: "nn.Module", folder: Path) -> None:
        """Writes what was trained to `folder`, as safetensors; the same weights give the same bytes."""

    @abstractmethod
    def restore(self, base: "nn.Module", folder: Path, alpha: float = 1.0) -> "nn.Module":
        """The model that `save` wrote to `folder`, at `alpha` between base and trained. Consumes `base`.

        Raises CacheError if `folder` doesn't hold what `save` writes for this base.
        """

    @abstractmethod
    def switched_off(self, model: "nn.Module") -> AbstractContextManager[None] | None:
        """A context in which `model` computes what the base does, or None if nothing can be switched off."""
