"""How a process comes to do a comparison's work: in the one that was asked, and in others that an executor starts."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

from harness.errors import InputError
from harness.kernels import linear_kernel
from harness.pipeline.config import CompareConfig
from harness.pipeline.graph.perform import perform
from harness.pipeline.graph.resources import prepare_process, threads
from harness.pipeline.graph.stages import Stages
from harness.pipeline.plan import make_plan
from harness.runs import CACHE_VARIABLE, Cache, code_hash, library_versions
from harness.runs.executors import Executor, LocalExecutor, Perform, RayExecutor, Workshop
from harness.runs.progress import Progress

LIBRARIES = (
    *("torch", "transformers", "peft", "tokenizers", "safetensors", "bitsandbytes", "trl", "numpy"),
    *("sentence-transformers", "faiss-cpu", "bm25s", "PyStemmer", "optuna", "evaluate", "lm_eval", "ray"),
)
SEEN_WITHIN = 5.0  # seconds after which a shared disk shows a file that another machine wrote


def make_executor(config: CompareConfig) -> Executor:
    """Who works, as the request says; raises InputError where that can't be."""
    if config.executor == "ray":
        return RayExecutor(config.address)
    if config.address is not None:
        raise InputError(
            f"--address {config.address} names a Ray cluster, and nothing runs there unless it is asked for. "
            "Add --executor ray, or drop --address."
        )
    return LocalExecutor()


@contextmanager
def make_workshop(stages: Stages) -> Iterator[Workshop]:
    """What an executor needs of `stages`; while it is open, machines that share the cache's disk can see that."""
    plan, cache = stages.plan, stages.cache
    resolved = {"device": str(plan.hardware.device), "threads": threads(plan)}
    sign = cache.root / f".shared-{uuid4().hex}"
    settings = {
        "config": plan.config.model_copy(update=resolved).model_dump(mode="json"),
        "content": _content(stages),
        "cache": str(cache.root.absolute()),
        "shared": cache.shared,
        "sign": sign.name,
    }
    entries = f"{__name__}:open_workshop", f"{__name__}:identity"
    if plan.config.executor == "local":
        yield Workshop(partial(perform, stages), *entries, settings)
        return
    cache.root.mkdir(parents=True, exist_ok=True)
    sign.touch()
    try:
        yield Workshop(partial(perform, stages), *entries, settings)
    finally:
        sign.unlink(missing_ok=True)


def open_workshop(settings: Mapping[str, Any], progress: Progress) -> Perform:
    """What does work in another process than the one that was asked; raises InputError where it would do another."""
    config = CompareConfig.model_validate(settings["config"])
    prepare_process(config)
    stages = Stages(make_plan(config), _cache(settings), progress)
    differing = [name for name, value in _content(stages).items() if settings["content"][name] != value]
    if differing:
        raise InputError(
            f"the {' and the '.join(differing)} that this machine reads is not the one that the run was started with, "
            "so its numbers would be of something else. Let all machines read the same files, from a shared disk or "
            "by one revision of a hub."
        )

    def perform_and_forget(work: Mapping[str, Any], results: Mapping[str, Any]) -> Any:
        result = perform(stages, work, results)
        stages.predictor.forget()  # answers are put together elsewhere, and a worker may live long
        return result

    return perform_and_forget


def identity() -> dict[str, str]:
    """What has to be the same in every process of a run, for its numbers to be those of one program."""
    versions = {name: version or "not installed" for name, version in library_versions(LIBRARIES).items()}
    return {"code of the harness": code_hash("harness")[:12], "linear layers": linear_kernel(), **versions}


def _content(stages: Stages) -> dict[str, str]:
    """The files that everything is made of."""
    return {"suite": stages.plan.suite.hash, "base model": stages.plan.base.hash}


def _cache(settings: Mapping[str, Any]) -> Cache:
    """The cache of a process: with a store its own, if it names one, or else that of the process that was asked.

    Raises InputError where machines have neither a disk nor a store in common.
    """
    root, shared = Path(settings["cache"]), settings["shared"]
    if shared and os.environ.get(CACHE_VARIABLE):
        return Cache(shared=shared)
    if _sees(root / settings["sign"], patient=not shared):
        return Cache(root, shared=shared or "")
    if shared:
        return Cache(shared=shared)
    raise InputError(
        f"this machine doesn't see the cache {root} of the process that the run was started by, so what it makes "
        "would be lost. Set HARNESS_CACHE to a folder on a disk that all machines share, or give --shared-cache URL."
    )


def _sees(path: Path, *, patient: bool) -> bool:
    """Whether the file is there, or, for who is `patient`, comes to be seen."""
    until = monotonic() + (SEEN_WITHIN if patient else 0)
    while not (seen := path.exists()) and monotonic() < until:
        sleep(0.2)
    return seen
