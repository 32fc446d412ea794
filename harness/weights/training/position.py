"""Where a training stands, as plain values: what of a checkpoint is no tensor."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Position:
    """The epoch, the batches done in it, the losses so far."""

    order: tuple[Any, ...]  # state of the generator that will shuffle, or has shuffled, the epoch
    micro_batch_size: int
    epoch: int = 0
    batch: int = 0
    steps: int = 0
    summed: float = 0.0  # nats of the epoch
    counted: int = 0  # tokens of the epoch
    losses: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    best_epoch: int | None = None  # from 1 on

    def patience_is_over(self, patience: int | None) -> bool:
        """Whether the validation loss has not fallen for `patience` epochs."""
        return patience is not None and len(self.validation_losses) - (self.best_epoch or 0) >= patience

    def move_to(self, values: dict[str, Any]) -> None:
        """Takes the values that another position had, after they went through JSON."""
        for name, value in values.items():
            setattr(self, name, value)
        version, numbers, gauss = self.order
        self.order = (version, tuple(numbers), gauss)  # JSON keeps tuples as lists
