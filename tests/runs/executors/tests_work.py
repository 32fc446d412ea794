"""Work for executors to do, in this process and in others: it adds up numbers, and misbehaves where it is told to."""

import os
import signal
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from harness import errors
from harness.runs.executors import Perform, Workshop
from harness.runs.progress import Progress, Silent


def workshop(folder: Path, progress: Progress | None = None, identity: str = "agreeing") -> Workshop:
    """A workshop that keeps its traces in `folder`."""
    settings = {"folder": str(folder)}
    place = __name__
    return Workshop(
        open_workshop(settings, progress or Silent()), f"{place}:open_workshop", f"{place}:{identity}", settings
    )


def open_workshop(settings: Mapping[str, Any], progress: Progress) -> Perform:
    """What does the work."""
    return partial(_do, Path(settings["folder"]), progress)


def agreeing() -> dict[str, str]:
    """The same in every process."""
    return {"sums": "1.0"}


def differing() -> dict[str, str]:
    """Another in every process."""
    return {"sums": str(os.getpid())}


def _do(folder: Path, progress: Progress, work: Mapping[str, Any], results: Mapping[str, Any]) -> Any:
    """The sum of the node's own number and of the results of its needs, after whatever else it does."""
    with (folder / f"{work['name']}.begun").open("a") as trace:
        trace.write(f"{os.getpid()}\n")
    if error := work.get("raises"):
        raise getattr(errors, error, KeyError)(f"{work['name']} can't be done")
    if work.get("dies") and len((folder / f"{work['name']}.begun").read_text().split()) <= work["dies"]:
        os.kill(os.getpid(), signal.SIGKILL)
    with progress.task(f"add up {work['name']}", 2) as advance:
        advance(1)
        while work.get("waits_for") and not (folder / work["waits_for"]).exists():
            time.sleep(0.01)
        advance(1)
    return work["number"] + sum(results.values())
