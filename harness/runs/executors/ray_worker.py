"""The worker's side of Ray: does one node in a process that stays, and answers in JSON. Knows nothing of what it does.

Only text crosses the wire, both ways: what Ray itself pickles is strings.
"""

import importlib
import json
import os
import socket
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from harness.errors import HarnessError, InputError
from harness.runs.executors.executor import Perform
from harness.runs.executors.ray_post import Reporter
from harness.runs.fingerprint import fingerprint

_opened: dict[str, Perform] = {}  # the workshop of the run that this process works for
_reporter = Reporter()


def do(request: str, mailbox: Any) -> str:
    """Does the node that `request` describes; returns its result, or the error that it failed with.

    What isn't an error of the harness's own is told with its traceback.
    """
    asked = json.loads(request)
    opening: list[float] = []
    begun = time.perf_counter()
    with _reporter.reporting(mailbox, asked["node"], asked["attempt"]):
        try:
            perform, new = _perform(asked)
            if new:
                opening, begun = [time.perf_counter() - begun], time.perf_counter()
            answer: dict[str, Any] = {"result": perform(asked["work"], asked["results"])}
        except HarnessError as error:
            answer = {"error": [type(error).__name__, str(error)]}
        except Exception as error:
            answer = {"crash": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
    took = {"seconds": time.perf_counter() - begun, "opening": opening}
    return json.dumps({**answer, **took, "host": socket.gethostname(), "posts": _reporter.left()})


def resolve(entry: str) -> Callable[..., Any]:
    """The function that is called `package.module:function`."""
    module, _, name = entry.partition(":")
    return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]


def _perform(asked: Mapping[str, Any]) -> tuple[Perform, bool]:
    """The workshop of the run, and whether it is new: opened once, where this process agrees with the one that asks."""
    key = fingerprint([asked["entry"], asked["settings"]])
    new = key not in _opened
    if new:
        _opened.clear()
        _enter(asked["folder"])
        _agree(asked["agreed"], resolve(asked["identity"])())
        _opened[key] = resolve(asked["entry"])(asked["settings"], _reporter)
    return _opened[key], new


def _enter(folder: str) -> None:
    """Goes to the folder where the run was started, so that relative paths mean the same."""
    try:
        os.chdir(folder)
    except OSError as error:
        raise InputError(
            f"{socket.gethostname()} has no folder {folder} ({error.strerror}), where the run was started, so paths "
            "would mean something else there. Start the run in a folder that all machines of the cluster share."
        ) from None


def _agree(wanted: Mapping[str, str], here: Mapping[str, str]) -> None:
    """Raises InputError that names all in which this process differs from the one that asks."""
    differing = [
        f"{name}: {here.get(name, 'unknown')} there, {value} here"
        for name, value in wanted.items()
        if here.get(name) != value
    ]
    if differing:
        raise InputError(
            f"the worker on {socket.gethostname()} is not the same program as this one, so its numbers might differ "
            f"({'; '.join(differing)}). Install the same versions on all machines; docs/cluster.md shows how."
        )
