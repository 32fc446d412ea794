"""What every method of deriving weights can do. One method is one file beside this one."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from harness.weights.training import Example, LossOn, TrainingRecord, TrainingSettings, train

if TYPE_CHECKING:
    from torch import nn


class MethodSettings(BaseModel):
    """Base of the settings of a method."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Settings = TypeVar("Settings", bound=MethodSettings)


@dataclass(frozen=True)
class Interpolation:
    """What `RECIPE@ALPHA` means for a method.

    `weights`: `(1 - alpha) * base + alpha * trained`, exactly. `output`: what the adapter adds is scaled by alpha,
    which is another thing and called so. `none`: it has no meaning, and `note` says why and what to use instead.
    """

    kind: Literal["weights", "output", "none"]
    note: str = ""


class Method(ABC, Generic[Settings]):
    """How weights are attached to a base, trained, stored, loaded, switched off, merged and interpolated.

    `merges` says whether the trained model can be folded into plain weights of the base's architecture,
    `answers_merged` whether it answers so in float32: the same within rounding, and quicker; `batches` whether requests
    for several adapters of one base can share a batch (peft's `adapter_names`), `preferences` whether it learns from
    pairs: its examples need a `rejected` completion too, and `served` whether a server trains it, and nothing is
    trained, stored or computed with here. `distributes` says whether several processes can train it together, and
    `shards` whether they can with a piece of each weight in each.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    paper: ClassVar[str]
    interpolation: ClassVar[Interpolation]
    merges: ClassVar[bool]
    answers_merged: ClassVar[bool] = False
    batches: ClassVar[bool]
    preferences: ClassVar[bool] = False
    served: ClassVar[bool] = False
    distributes: ClassVar[bool] = True
    shards: ClassVar[bool] = True
    settings: type[Settings]

    def check_available(self) -> None:
        """Raises InputError, with the pip command, if this method needs a package that is not installed."""

    def prepare(self, base: "nn.Module", settings: Settings) -> "nn.Module":
        """The base as this method computes with it, adapted or not: itself, unless the method quantises it."""
        return base

    @abstractmethod
    def attach(self, base: "nn.Module", settings: Settings) -> "nn.Module":
        """The prepared base made ready for training: what shall learn requires gradients, and nothing else does."""

    def begin_epoch(self, model: "nn.Module", settings: Settings, epoch: int) -> None:
        """Called before each epoch (from 0 on): a method may turn off gradients that `attach` left on, and on again.

        A resumed training calls it again for the epoch that it goes on with: it does the same for the same `epoch`.
        """

    def fit(
        self,
        model: "nn.Module",
        settings: Settings,
        examples: Sequence[Example],
        training: TrainingSettings,
        *,
        seed: int,
        loss_on: LossOn = "completion",
        validation: Sequence[Example] = (),
        unfinished: Path | None = None,
        advance: Callable[[int], None] = lambda steps: None,
    ) -> TrainingRecord:
        """Trains the attached model in place; see `harness.weights.training.train`."""
        begin_epoch = partial(self.begin_epoch, model, settings)
        return train(
            model,
            examples,
            training,
            seed=seed,
            loss_on=loss_on,
            validation=validation,
            unfinished=unfinished,
            begin_epoch=begin_epoch,
            advance=advance,
        )

    @abstractmethod
    def save(self, model: "nn.Module", folder: Path) -> None:
        """Writes what was trained to `folder`, as safetensors; the same weights give the same bytes."""

    @abstractmethod
    def restore(self, base: "nn.Module", folder: Path, alpha: float = 1.0) -> "nn.Module":
        """The model that `save` wrote to `folder`, at `alpha` between base and trained. Consumes the prepared `base`.

        At 1 it equals the trained model to the bit, and at 0 the base. Raises CacheError if `folder` doesn't hold what
        `save` writes for this base, and InputError for an alpha that the method can't give.
        """

    def line(self, base: "nn.Module", folder: Path) -> "Callable[[float], nn.Module] | None":
        """A function that gives what `restore` gives at any alpha, from weights that are loaded once.

        It gives the same model each time, moved in place: a sweep over alphas costs one pass over what was trained for
        each. Consumes the prepared `base`; None where a model must be restored for each alpha. Raises as `restore`.
        """
        return None

    @abstractmethod
    def reload(self, model: "nn.Module", folder: Path) -> None:
        """Puts what `save` wrote to `folder` into the attached `model`, to train on from there; raises CacheError."""

    @abstractmethod
    def switched_off(self, model: "nn.Module") -> AbstractContextManager[None] | None:
        """A context in which `model` computes what the base does, or None if nothing can be switched off."""

    def merged(self, model: Any) -> Any:
        """The restored `model`, consumed, as a plain model with the base's architecture; only where `merges`."""
        return model

    def virtual_tokens(self, settings: Settings) -> int:
        """How many tokens of the model's window the method takes for itself."""
        return 0
