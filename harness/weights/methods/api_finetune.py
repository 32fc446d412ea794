"""Fine-tuning by the provider of a model behind a server: nothing is trained, stored or loaded here.

What is known of it here is its settings; the pipeline has the server do the rest.
"""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pydantic import BaseModel, ConfigDict, Field

from harness.errors import InputError
from harness.weights.methods.method import Interpolation, Method, MethodSettings

if TYPE_CHECKING:
    from torch import nn


class Hyperparameters(BaseModel):
    """What the server may be told of how to train; what is None it chooses by itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_epochs: int | None = Field(default=None, ge=1)
    batch_size: int | None = Field(default=None, ge=1)
    learning_rate_multiplier: float | None = Field(default=None, gt=0)

    def chosen(self) -> dict[str, int | float]:
        """Those that are set, by name."""
        return self.model_dump(exclude_none=True)


class ApiFinetuneSettings(MethodSettings):
    """The job: `suffix` is put into the model's name, `poll_seconds` the longest pause between two looks at it.

    `validation` uploads the validation cases too, for the losses that the server then reports. With `keep_files` false
    the uploaded files are deleted from the server when the job has ended.
    """

    suffix: str = Field(default="", max_length=64, pattern=r"^[A-Za-z0-9-]*$")
    hyperparameters: Hyperparameters = Hyperparameters()
    validation: bool = False
    poll_seconds: float = Field(default=30.0, gt=0)
    keep_files: bool = True


class ApiFinetune(Method[ApiFinetuneSettings]):
    """A provider's fine-tuning job; only for models behind a server."""

    name = "api-finetune"
    title = "fine-tuning by the provider"
    paper = "the API reference of fine-tuning jobs"
    interpolation = Interpolation("none", "the weights stay with the provider; compare the base with the trained model")
    merges = False
    batches = False
    served = True
    settings = ApiFinetuneSettings

    def attach(self, base: "nn.Module", settings: ApiFinetuneSettings) -> "nn.Module":
        """Nothing can be attached."""
        _elsewhere()

    def save(self, model: "nn.Module", folder: Path) -> None:
        """Nothing can be saved."""
        _elsewhere()

    def restore(self, base: "nn.Module", folder: Path, alpha: float = 1.0) -> "nn.Module":
        """Nothing can be restored."""
        _elsewhere()

    def reload(self, model: "nn.Module", folder: Path) -> None:
        """Nothing can be reloaded."""
        _elsewhere()

    def switched_off(self, model: "nn.Module") -> AbstractContextManager[None] | None:
        """Nothing can be switched off."""
        _elsewhere()


def _elsewhere() -> NoReturn:
    raise InputError(
        "api-finetune: the provider trains and keeps these weights, so there is nothing to compute with here. Name a "
        "server with --server URL, or take a recipe that is trained here: see `harness methods`."
    )
