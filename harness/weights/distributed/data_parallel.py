"""Distributed data parallelism: every process holds the whole model and computes its share of each batch.

Gradients are summed once a step, after the last part, in buckets, and not while they are computed: so a process that
halves its parts for want of memory, has fewer examples than the others or none, or thaws layers, needs no agreement
with them. The numbers are those of one process to within the rounding of sums. Imports torch.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import distributed, nn

from harness.errors import InputError
from harness.weights.distributed.leaving import leave
from harness.weights.distributed.mailbox import Mailbox
from harness.weights.distributed.transfer import send_bytes, send_checkpoint, send_tensors
from harness.weights.training.checkpoints import Checkpoint
from harness.weights.training.examples import Example
from harness.weights.training.processes import Part, Processes, split

BUCKET = 25_000_000  # numbers that are sent at once: the memory that it takes beside the gradients
T = TypeVar("T")


class DataParallel(Processes):
    """One of several processes with the whole model each."""

    strategy = "ddp"

    def __init__(self, rank: int, count: int, device: torch.device, mailbox: Mailbox) -> None:
        self.rank, self.count, self.leads, self.device = rank, count, rank == 0, device
        self.device_type, self._mailbox = device.type, mailbox

    @contextmanager
    def joined(self, job: Callable[[], bytes]) -> Iterator[None]:
        """While entered, the others do `job` too. An error that they can't know of is left for them to find."""
        self._mailbox.announce()
        with self._connected():
            send_bytes(job(), self.device)
        with self._mailbox.watched(leave(self.rank), stuck=self.sharded), self._connected():
            yield

    def job(self) -> bytes | None:
        """Waits for the leader's next job; None when all is over."""
        return send_bytes(None, self.device) if self._mailbox.next() else None

    @contextmanager
    def following(self) -> Iterator[None]:
        """Entered by the others while they do the leader's job."""
        with self._mailbox.watched(leave(self.rank), stuck=self.sharded), self._connected():
            yield

    def fail(self, error: BaseException) -> None:
        """Leaves word of an error that ends this process."""
        self._mailbox.fail(error)

    def stop(self) -> None:
        """Tells the others that all is over."""
        self._mailbox.stop()

    def agree(self, attempt: Callable[[], T]) -> T:
        """What `attempt` gives here; an error in one process is raised in all of them."""
        result: list[T] = []

        def counted() -> float:
            result.append(attempt())
            return 0.0

        self.total(counted)
        return result[0]

    def total(self, attempt: Callable[[], float]) -> float:
        """The sum of what `attempt` gives in each process; an error in one is raised in all of them."""
        value, problem = 0.0, None
        try:
            value = attempt()
        except Exception as error:  # whatever it is, the others must hear of it
            self._mailbox.fail(error)
            problem = error
        told = torch.tensor([value, float(problem is not None)], dtype=torch.float64, device=self.device)
        distributed.all_reduce(told)
        summed, failures = told.tolist()
        if failures:
            raise problem or self._mailbox.failure() or RuntimeError("training: another process has failed.")
        return float(summed)

    def parts(self, examples: Sequence[Example], size: int) -> list[Part]:
        """Every `count`-th example, in parts of `size`: none where there are fewer examples than processes."""
        return split(examples[self.rank :: self.count], size)

    def share_out(self, model: nn.Module) -> nn.Module:
        """The model; what learns begins as the leader's."""
        send_tensors({name: p for name, p in model.named_parameters() if p.requires_grad}, self.device)
        return model

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Sums what every process has computed; what none has a gradient of stays without one."""
        there = torch.tensor([parameter.grad is not None for parameter in parameters], dtype=torch.int32)
        there = there.to(self.device)
        distributed.all_reduce(there, distributed.ReduceOp.MAX)
        moving = [parameter for parameter, moves in zip(parameters, there.tolist(), strict=True) if moves]
        for parameter in moving:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        for bucket in _buckets([parameter.grad for parameter in moving if parameter.grad is not None]):
            flat = torch.cat([gradient.reshape(-1) for gradient in bucket])
            distributed.all_reduce(flat)
            summed = torch.split(flat, [gradient.numel() for gradient in bucket])
            for gradient, whole in zip(bucket, summed, strict=True):
                gradient.copy_(whole.view_as(gradient))

    def from_leader(self, saved: Checkpoint | None) -> Checkpoint | None:
        """The checkpoint that the leader has read."""
        return send_checkpoint(saved, self.leads, self.device)

    def draw(self, seed: int, step: int) -> None:
        """Seeds torch's generators by seed, step and rank: a resumed training draws what it would have drawn."""
        digest = hashlib.sha256(f"{seed} {step} {self.rank}".encode()).digest()
        torch.manual_seed(int.from_bytes(digest[:8], "little") >> 1)

    @contextmanager
    def _connected(self) -> Iterator[None]:
        """Turns a lost connection into the word that was left, or else into an InputError, which ends the run."""
        try:
            yield
        except RuntimeError as error:
            if not _is_lost(error):
                raise
            raise self._mailbox.failure() or InputError(
                f"training: a process that trained along is gone ({_first_line(error)}), so nothing more can be "
                "trained in this run. Its own log may say why; the same command goes on from what was finished."
            ) from error


def _buckets(gradients: Sequence[torch.Tensor]) -> Iterator[list[torch.Tensor]]:
    """The gradients in groups of one type, in their order, of about `BUCKET` numbers."""
    bucket: list[torch.Tensor] = []
    for gradient in gradients:
        full = sum(other.numel() for other in bucket) + gradient.numel() > BUCKET
        if bucket and (full or gradient.dtype != bucket[0].dtype):
            yield bucket
            bucket = []
        bucket.append(gradient)
    if bucket:
        yield bucket


def _is_lost(error: RuntimeError) -> bool:
    """Whether an error is one of the connection: gloo's have no kind of their own."""
    lost: tuple[Any, ...] = (distributed.DistBackendError, distributed.DistNetworkError)
    told = str(error).lower()
    return isinstance(error, lost) or "gloo" in told or "connection" in told or "timed out" in told


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
