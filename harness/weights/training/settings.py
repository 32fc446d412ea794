"""How a recipe is trained, as its file states it. Knows no model."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class TrainingSettings(BaseModel):
    """How a recipe is trained.

    `learning_rate` is the peak that `schedule` reaches after `warmup` (a share of all steps) and then lowers to 0, or
    keeps where it is constant. `batch_size` counts examples. Gradients are clipped to the norm `gradient_norm`.

    These save memory and change the result by no more than rounding: of a batch, `micro_batch_size` examples go
    through the model at once (all of them if None) and their gradients are summed, weighted by tokens;
    `gradient_checkpointing` computes activations again instead of keeping them (Chen et al. 2016, arXiv:1604.06174).
    These save memory and change it a little: `bf16` computes in bfloat16 with float32 weights (Micikevicius et al.
    2017, arXiv:1710.03740), where on CPUs those that don't learn are in bfloat16 meanwhile, and the 8-bit optimizers
    keep Adam's moments in 8 bits (Dettmers et al. 2021, arXiv:2110.02861), the paged one in memory that the device may
    move out (Dettmers et al. 2023, arXiv:2305.14314).
    `lightest` is the paged one where the device has it, and else `adamw`; the training record says which it was.

    `early_stopping` is a patience in epochs: training ends when the validation loss has not fallen for so many, and
    the weights of the best epoch are kept.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(default=3, ge=1)
    batch_size: int = Field(default=16, ge=1)
    micro_batch_size: int | None = Field(default=None, ge=1)
    learning_rate: float = Field(gt=0)
    schedule: Literal["constant", "linear", "cosine"] = "cosine"
    warmup: float = Field(default=0.05, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    gradient_norm: float = Field(default=1.0, gt=0)
    optimizer: Literal["adamw", "adamw-8bit", "paged-adamw-8bit", "lightest"] = "adamw"
    early_stopping: int | None = Field(default=None, ge=1)
    gradient_checkpointing: bool = False
    bf16: bool = False


def steps(examples: int, settings: TrainingSettings) -> int:
    """How many optimizer steps a training on that many examples takes; an epoch's last batch may be smaller.

    Early stopping may end it before.
    """
    return settings.epochs * -(-examples // settings.batch_size)
