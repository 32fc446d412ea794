"""What a piece of work takes: processors, GPUs, and an estimate of memory by which work is spread over machines.

The estimates are for placing, not for billing: they are taken from the base's number of parameters alone.
"""

from enum import Enum
from functools import lru_cache

from harness._memory import hold_freed
from harness.pipeline.config import CompareConfig
from harness.pipeline.plan import Plan
from harness.runs.executors import Resources
from harness.weights import Base, method_of, parameters

PROCESS_BYTES = 700_000_000  # of a process with torch and transformers
WIDE = 1.5  # adapters with their gradients and moments, activations: on top of the base's weights
LEARN_WHOLE = ("full", "freeze")
TRAINED_WHOLE = 4  # weights, gradients and Adam's two moments


class Need(Enum):
    """Kinds of work, by what they keep in memory."""

    NOTHING = "no model"
    EMBED = "the embedder"
    TRAIN = "a model that learns"
    ANSWER = "a model"
    MOVE = "a model, and one that moves between the ends that it keeps"


def needed(plan: Plan, need: Need, chain: tuple[str, ...] = ()) -> Resources:
    """The resources of one node; `chain` are the recipes that it is about."""
    return Resources(threads(plan), int(plan.hardware.device.type == "cuda"), _bytes(plan, need, chain))


def threads(plan: Plan) -> int:
    """How many threads compute: as the request says, or as many as torch takes."""
    import torch

    return plan.config.threads or torch.get_num_threads()


def prepare_process(config: CompareConfig) -> None:
    """Lets this process compute with as many threads as the request says, if it does: more change the last digits.

    It holds the memory that it frees for what it computes next.
    """
    import torch

    hold_freed()
    if config.threads is not None:
        torch.set_num_threads(config.threads)


def _bytes(plan: Plan, need: Need, chain: tuple[str, ...]) -> int:
    weights = _parameters(plan.base) * plan.hardware.dtype.itemsize
    names = chain or tuple(plan.recipes)
    whole = any(method_of(plan.recipes[name])[0].name in LEARN_WHOLE for name in names)
    copies = {
        Need.NOTHING: 0.0,
        Need.EMBED: 0.0,
        Need.TRAIN: TRAINED_WHOLE if whole else WIDE,
        Need.ANSWER: WIDE,
        Need.MOVE: 4 * WIDE,
    }
    return PROCESS_BYTES + int(copies[need] * weights)


@lru_cache(maxsize=8)
def _parameters(base: Base) -> int:
    return parameters(base)
