"""What a training is told, as a value that another process can be sent: everything but where results go."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.kernels import linear_kernel
from harness.weights.base import Base
from harness.weights.hardware import Hardware
from harness.weights.recipe import Recipe
from harness.weights.stages import Stage
from harness.weights.training import Example, LossOn

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Job:
    """A recipe and what it is trained from and on; see `harness.weights.derive`."""

    recipe: Recipe
    base: Base
    hardware: Hardware
    examples: Sequence[Example]
    seed: int
    loss_on: LossOn
    before: Sequence[Stage]
    earlier: Path | None
    validation: Sequence[Example]


def as_bytes(job: Job) -> bytes:
    """The job as JSON, with the kernel that the sender computes linear layers by."""
    content: dict[str, Any] = {
        "recipe": job.recipe.model_dump(mode="json"),
        "base": {**asdict(job.base), "path": str(job.base.path)},
        "dtype": str(job.hardware.dtype).removeprefix("torch."),
        "load_in": job.hardware.load_in,
        "examples": [_plain(example) for example in job.examples],
        "seed": job.seed,
        "loss_on": job.loss_on,
        "before": [[stage.recipe.model_dump(mode="json"), str(stage.folder)] for stage in job.before],
        "earlier": str(job.earlier) if job.earlier else None,
        "validation": [_plain(example) for example in job.validation],
        "linear": linear_kernel(),
    }
    return json.dumps(content).encode()


def from_bytes(content: bytes, device: "torch.device") -> tuple[Job, str]:
    """The job that `as_bytes` described, to be done on `device`, and the kernel for linear layers."""
    import torch

    told = json.loads(content)
    base = Base(**{**told["base"], "path": Path(told["base"]["path"])})
    job = Job(
        recipe=Recipe.model_validate(told["recipe"]),
        base=base,
        hardware=Hardware(device, getattr(torch, told["dtype"]), load_in=told["load_in"]),
        examples=[Example(*map(tuple, example)) for example in told["examples"]],
        seed=told["seed"],
        loss_on=told["loss_on"],
        before=[Stage(Recipe.model_validate(recipe), Path(folder)) for recipe, folder in told["before"]],
        earlier=Path(told["earlier"]) if told["earlier"] else None,
        validation=[Example(*map(tuple, example)) for example in told["validation"]],
    )
    return job, told["linear"]


def _plain(example: Example) -> list[list[int]]:
    return [list(example.prompt), list(example.completion), list(example.rejected)]
