"""The library of lm-evaluation-harness: loads its tasks by name, silently, and turns its errors into ours."""

import io
import logging
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import HarnessError, InputError, UnknownNameError

NEEDS_EXTRA = 'Install it with: pip install "harness[lm_eval]"'
SEED = 1234  # the library's own for few-shot examples and numpy
_SHOWN = 12  # names that an error lists


def load_tasks(names: Sequence[str], folder: Path | None = None) -> dict[str, list[Any]]:
    """For each of `names` (a task, group or tag) the task objects of the library that it stands for.

    In `folder` lie task files of the user's own, whose Python code is executed; they come before the library's own of
    the same name. Raises InputError where the library is absent, for unknown names, and for data that can't be loaded.
    """
    manager = _manager(names, folder)
    known = set(manager.all_tasks)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError("\n".join(str(_unknown(name, known, folder)) for name in unknown))
    found = {}
    for name in names:
        with library_errors(f"lm_eval:{name}: its data can't be loaded"), _seeded():
            found[name] = list(manager.load([name])["tasks"].values())
    return found


@contextmanager
def library_errors(what: str) -> Iterator[None]:
    """Inside, the library shows no bars and warnings, and what it raises is an InputError that begins with `what`."""
    logger = logging.getLogger("lm_eval")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with redirect_stderr(io.StringIO()):  # its progress bars
            yield
    except HarnessError:
        raise
    except Exception as error:  # tasks are configuration and code of many hands, and fail in as many ways
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise InputError(
            f"{what} ({type(error).__name__}: {reason}), so the task can't be asked. See what lm-evaluation-harness "
            "itself says of it: lm_eval validate --tasks NAME."
        ) from error
    finally:
        logger.setLevel(level)


def _manager(names: Sequence[str], folder: Path | None) -> Any:
    """What knows the tasks: of the folder alone where it has all of them, for the library's own take long to list."""
    if folder is not None and not folder.is_dir():
        raise InputError(f"{folder}: is no folder, so no tasks can be read from it. Give the folder of the task files.")
    try:
        from lm_eval.tasks import TaskManager
    except ImportError:
        raise InputError(
            f"lm-evaluation-harness is not installed, so its tasks can't be asked. {NEEDS_EXTRA}"
        ) from None
    with library_errors("the tasks of lm-evaluation-harness can't be listed"):
        if folder is not None:
            own = TaskManager(include_path=str(folder), include_defaults=False)
            if set(names) <= {*own.all_subtasks, *own.all_tags}:
                return own
        return TaskManager(include_path=str(folder) if folder else None)


def _unknown(name: str, known: set[str], folder: Path | None) -> UnknownNameError:
    """The error for one name; of the thousands that are known it lists only those that look like it."""
    from difflib import get_close_matches

    like = get_close_matches(name, sorted(known), n=_SHOWN, cutoff=0.4)
    where = f" or {folder}" if folder else ""
    advice = f"These are the nearest of the {len(known)} in lm-evaluation-harness{where}: lm_eval ls tasks lists all."
    return UnknownNameError("lm_eval task", name, like, advice=advice)


@contextmanager
def _seeded() -> Iterator[None]:
    """Inside, the generators that tasks may shuffle by are seeded as the library seeds them; after it as before."""
    state, numpy_state = random.getstate(), np.random.get_state()
    random.seed(0)
    np.random.seed(SEED)
    try:
        yield
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)
