"""Joins the processes that `accelerate launch` or `torchrun` started: the first leads, the others train along."""

import logging
import os
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError, InputError

if TYPE_CHECKING:
    from harness.weights.distributed.data_parallel import DataParallel

TIMEOUT = timedelta(minutes=30)  # for one collective operation
REFUSED = {
    "ACCELERATE_USE_DEEPSPEED": "DeepSpeed",
    "ACCELERATE_USE_MEGATRON_LM": "Megatron-LM",
    "ACCELERATE_USE_PARALLELISM_CONFIG": "tensor or context parallelism",
}

logger = logging.getLogger(__name__)


def check_launch(environment: Mapping[str, str]) -> None:
    """Raises InputError for what accelerate can be configured to and the harness doesn't train with."""
    for variable, name in REFUSED.items():
        if _is_on(environment, variable):
            raise InputError(
                f"accelerate is configured for {name}, and the harness trains with DDP or FSDP only. Choose one of "
                "them (`accelerate launch --multi_gpu` or `--use_fsdp --fsdp_version 2`)."
            )
    if not _is_on(environment, "ACCELERATE_USE_FSDP"):
        return
    if environment.get("FSDP_VERSION", "1") != "2":
        raise InputError(
            "accelerate is configured for FSDP version 1, which torch has replaced, and the harness trains with "
            "version 2 only. Add `--fsdp_version 2`, or write `fsdp_version: 2` in accelerate's configuration file."
        )
    if _is_on(environment, "FSDP_OFFLOAD_PARAMS"):
        raise InputError(
            "accelerate is configured to keep FSDP's parameters on the CPU, which the harness doesn't do. Write "
            "`fsdp_offload_params: false`; more processes, lora or `gradient_checkpointing: true` save memory too."
        )


@contextmanager
def session() -> "Iterator[DataParallel]":
    """While entered, this process is one of those that were launched; raises InputError if they can't be joined."""
    from torch import distributed

    processes = _join()
    try:
        yield processes
    finally:
        if processes.leads:
            processes.stop()
        if distributed.is_initialized():
            distributed.destroy_process_group()


def follow(processes: "DataParallel", train: Callable[[bytes], None]) -> None:
    """Does the leader's jobs until all is over. What fails in the leader too is told by it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    while (job := processes.job()) is not None:
        try:
            with processes.following():
                train(job)
        except HarnessError:
            pass
        except Exception as error:
            processes.fail(error)
            raise


def silence() -> None:
    """Only the leader speaks."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")


def _join() -> "DataParallel":
    import torch
    from accelerate import Accelerator, InitProcessGroupKwargs  # type: ignore[import-untyped]

    from harness.weights.distributed.data_parallel import DataParallel
    from harness.weights.distributed.mailbox import open_mailbox
    from harness.weights.distributed.sharded import Sharded

    check_launch(os.environ)
    # Each process loads the base by itself, and adapters with it; accelerate's way would leave all but one empty.
    os.environ["FSDP_CPU_RAM_EFFICIENT_LOADING"] = "false"
    os.environ.setdefault("FSDP_AUTO_WRAP_POLICY", "TRANSFORMER_BASED_WRAP")
    if os.environ.get("ACCELERATE_MIXED_PRECISION", "no") != "no":
        logger.warning("mixed precision is each recipe's own matter (`bf16: true`), so the launcher's isn't used.")
    try:
        accelerator: Any = Accelerator(
            cpu=not torch.accelerator.is_available(),
            mixed_precision="no",
            kwargs_handlers=[InitProcessGroupKwargs(timeout=TIMEOUT)],
        )
    except (ValueError, RuntimeError) as error:
        raise InputError(
            f"the launched processes can't be joined ({error}). Start them with `accelerate launch` or `torchrun`, "
            "or one process without WORLD_SIZE in its environment."
        ) from error
    rank, count = accelerator.process_index, accelerator.num_processes
    mailbox = open_mailbox(rank, count)
    if not _is_on(os.environ, "ACCELERATE_USE_FSDP"):
        return DataParallel(rank, count, accelerator.device, mailbox)
    if getattr(accelerator.state, "fsdp_plugin", None) is None:  # accelerate has none for CPUs, and torch shards there
        from accelerate.utils import FullyShardedDataParallelPlugin  # type: ignore[import-untyped]

        accelerator.state.fsdp_plugin = FullyShardedDataParallelPlugin()
    return Sharded(rank, count, accelerator.device, mailbox, accelerator)


def _is_on(environment: Mapping[str, str], variable: str) -> bool:
    return environment.get(variable, "false").lower() in ("true", "1", "yes")
