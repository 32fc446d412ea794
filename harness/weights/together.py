"""Training by the processes that a launcher started: the first runs the command, and the others train along."""

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.errors import HarnessError
from harness.runs import JSON
from harness.weights.derive import train_job
from harness.weights.distributed import follow, session, silence
from harness.weights.hardware import own_randomness
from harness.weights.job import from_bytes
from harness.weights.training.processes import current, trained_by

if TYPE_CHECKING:
    import torch

PATIENCE = 10.0  # seconds that a failed process leaves the leader to say why, before the launcher ends all of them


def process_inputs() -> dict[str, JSON]:
    """What trained weights depend on where several processes train them; nothing where one does."""
    return current().inputs


def lead_or_follow(lead: Callable[[], None]) -> None:
    """Calls `lead` in the first of the launched processes; the others train along until it returns or raises.

    Raises what `lead` raises, and InputError if the processes can't be joined.
    """
    import torch

    leads = os.environ.get("RANK", "0") == "0"
    if not leads:
        silence()
    try:
        with session() as processes, trained_by(processes):
            if leads:
                lead()
            else:
                # What is shared out moves to the device layer by layer: all of it may be too much.
                device = torch.device("cpu") if processes.sharded else processes.device
                follow(processes, lambda job: _train_along(job, device))
    except Exception as error:
        if leads:
            raise
        time.sleep(PATIENCE)
        if isinstance(error, HarnessError):
            raise SystemExit(2) from None  # the leader has told it
        raise


def _train_along(content: bytes, device: "torch.device") -> None:
    """Does the leader's job, and keeps nothing of it."""
    job, kernel = from_bytes(content, device)
    os.environ["HARNESS_LINEAR"] = kernel
    with own_randomness(job.hardware):
        train_job(job)
