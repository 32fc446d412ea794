"""Who trains: this process alone, or several that share every batch. Knows nothing of how they talk to one another.

`Processes` is one process; those that were launched together are in `harness.weights.distributed`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from harness.runs import JSON
from harness.weights.training.checkpoints import Checkpoint
from harness.weights.training.examples import Example

if TYPE_CHECKING:
    import torch
    from torch import nn

T = TypeVar("T")


class Part(NamedTuple):
    """Examples that go through the model at once. Those of a filler don't count: others wait for this process."""

    examples: Sequence[Example]
    counts: bool = True


def split(examples: Sequence[Example], size: int) -> list[Part]:
    """All examples in parts of `size`; the last may be smaller."""
    return [Part(examples[start : start + size]) for start in range(0, len(examples), size)]


class Processes:
    """One process that trains alone."""

    count = 1
    device_type: str | None = None  # of the device that it was given; None where it takes any
    leads = True  # saves, proves and speaks
    strategy: str | None = None  # ddp or fsdp, where there are several
    sharded = False  # whether each holds a piece of every weight, so that all must compute at the same time
    gradient_scale = 1.0  # what a loss is multiplied by, for gradients to be summed over the processes in the end

    @property
    def inputs(self) -> dict[str, JSON]:
        """What of it the trained bytes depend on, for cache keys and records; nothing for one process."""
        return {"processes": {"count": self.count, "strategy": self.strategy}} if self.count > 1 else {}

    @contextmanager
    def joined(self, job: Callable[[], bytes]) -> Iterator[None]:
        """While entered, the others do `job` too; each must do what this one does."""
        yield

    def agree(self, attempt: Callable[[], T]) -> T:
        """What `attempt` gives here; an error in one process is raised in all of them."""
        return attempt()

    def total(self, attempt: Callable[[], float]) -> float:
        """The sum of what `attempt` gives in each process; an error in one is raised in all of them."""
        return attempt()

    def most(self, examples: int) -> int:
        """How many of so many examples one process gets at most."""
        return -(-examples // self.count)

    def parts(self, examples: Sequence[Example], size: int) -> list[Part]:
        """The share that this process has of the examples, in parts of `size`."""
        return split(examples, size)

    def share_out(self, model: "nn.Module") -> "nn.Module":
        """The attached `model`, consumed, as this process trains it; what learns begins as the leader's."""
        return model

    def collected(self, model: "nn.Module", anew: "Callable[[], nn.Module]") -> "nn.Module":
        """The trained `model` whole again, in the leader; `anew` gives a model as it was before it was shared out."""
        return model

    def sum_gradients(self, parameters: "Sequence[torch.nn.Parameter]") -> None:
        """Makes every gradient the sum of those of all processes."""

    def forget_copies(self, model: "nn.Module") -> None:
        """Called when weights were set: whatever was put together of pieces is put together anew."""

    def from_leader(self, saved: Checkpoint | None) -> Checkpoint | None:
        """The checkpoint that the leader gave."""
        return saved

    def draw(self, seed: int, step: int) -> None:
        """Lets torch's generators begin anew for a step where several processes draw: each draws its own."""


_current = Processes()


def current() -> Processes:
    """Who trains here."""
    return _current


@contextmanager
def trained_by(processes: Processes) -> Iterator[None]:
    """While entered, `current()` is `processes`."""
    global _current
    before, _current = _current, processes
    try:
        yield
    finally:
        _current = before
