"""Joins a Ray cluster or starts one on this machine, quietly, and leaves as it came."""

import logging
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any

from harness.errors import ExecutionError, InputError
from harness.runs.executors.graph import Node, Resources

OBJECT_STORE_BYTES = 100_000_000  # only short texts pass through it
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # else workers would be started by uv wherever this process was
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
TOKEN = {"RAY_AUTH_MODE": "token"}  # of a cluster that is started here: only who can read the user's files may ask it

ANSWERS_WITHIN = 10.0  # seconds

logger = logging.getLogger(__name__)


@contextmanager
def cluster(address: str | None, cpus: int) -> Iterator[tuple[ModuleType, bool]]:
    """Ray, connected to the cluster at `address` (`auto` finds one) or to one that is started here, and whether it is.

    What is started here has `cpus` processors, is open to this machine alone, and ends with the context; a cluster that
    was joined goes on. Raises InputError without Ray, and where there is no cluster to join.
    """
    ray = _import_ray(own=address is None)
    if ray.is_initialized():  # by whoever calls this program
        yield ray, False
        return
    options: dict[str, Any] = {"address": address}
    if address is None:
        options = {"address": "local", "num_cpus": cpus, "object_store_memory": OBJECT_STORE_BYTES}
        options |= {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    try:
        try:
            _check_open(address)
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
        except (ConnectionError, OSError, ValueError, RuntimeError) as error:
            raise InputError(
                f"no Ray cluster can be {f'joined at {address}' if address else 'started here'} "
                f"({str(error).strip().partition('.')[0]}). Check the address and the network, or leave --address out "
                "to use this machine alone."
            ) from error
        _hush()
        yield ray, address is None
    finally:
        ray.shutdown()


def _check_open(address: str | None) -> None:
    """Raises OSError or ValueError where nothing answers at `address`: Ray would try for minutes."""
    if address in (None, "auto", "local"):
        return
    host, _, port = str(address).rpartition(":")
    if not port.isdigit() or "/" in host:
        raise ValueError("it is no HOST:PORT")
    socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWERS_WITHIN).close()


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_room(ray: ModuleType, nodes: Sequence[Node], *, own: bool) -> int:
    """How many processors the cluster has; says which nodes no machine has room for.

    Raises InputError for those on a cluster that was started here (`own`); another one may still grow, so it is told.
    """
    machines = [machine["Resources"] for machine in ray.nodes() if machine["Alive"]]
    for needed in dict.fromkeys(node.resources for node in nodes):
        if any(_fits(needed, machine) for machine in machines):
            continue
        what = next(node.name for node in nodes if node.resources == needed)
        told = f"{what!r} takes {needed}, and no machine of the Ray cluster has that"
        if own:
            raise InputError(f"{told}. Lower --threads, choose a smaller base, or run with --executor local.")
        logger.warning("%s now: it waits until one has.", told)
    return int(sum(machine.get("CPU", 0) for machine in machines))


def died(node: Node, host: str, attempts: int, error: BaseException, ray: ModuleType) -> ExecutionError:
    """The error of a node whose worker died each time."""
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    return ExecutionError(
        f"{node.name!r} was begun {attempts} times, and each time the worker died, the last on {host} ({reason}). It "
        f"asks for {node.resources}; the system ends what takes more memory than there is. Look at its log on "
        f"that machine, under {_logs(ray)}; what was finished is kept, and the same command goes on from there."
    )


def _fits(needed: Resources, machine: dict[str, float]) -> bool:
    return (
        needed.cpus <= machine.get("CPU", 0)
        and needed.gpus <= machine.get("GPU", 0)
        and needed.memory_bytes <= machine.get("memory", 0)
    )


def _logs(ray: ModuleType) -> str:
    """Where Ray writes what its workers say."""
    with suppress(AttributeError):
        return str(ray._private.worker._global_node.get_logs_dir_path())
    return "/tmp/ray/session_latest/logs"


def _import_ray(*, own: bool) -> ModuleType:
    for name, value in {**ENVIRONMENT, **(TOKEN if own else {})}.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise InputError(
            'Ray isn\'t installed, so nothing can run on it. Install it: pip install "harness[ray]", or run with '
            "--executor local."
        ) from None
    logging.getLogger("ray").setLevel(logging.ERROR)
    return ray


def _hush() -> None:
    """Keeps what Ray writes of dead workers out of the terminal: it is told by the executor."""
    with suppress(ImportError, KeyError, AttributeError):
        from ray._private.ray_logging import global_worker_stdstream_dispatcher

        global_worker_stdstream_dispatcher.remove_handler("ray_print_logs")
