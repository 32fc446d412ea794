"""Watches a run: passes on what it shows, writes its log, and adds up where the time went.

All stages tell `Progress` what they do, the cache tells what was built or reused, and everything else that is said
goes through the `harness` logger or Python's warnings: so no stage knows that it is watched.
"""

import logging
import platform
import shlex
import sys
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident
from typing import Any, TextIO

from harness import __version__
from harness._secrets import scrub
from harness.runs import JSON, Artifact, Cache, RunLog, Span, StageTime, in_order, log_time, seconds_by_stage
from harness.runs.progress import Advance, Progress

ORDER = ("loading", "planning", "retrieval", "prompts", "training", "predicting", "timing", "workers", "scoring")
_BY_VERB = {  # a task's first word says what it does
    **dict.fromkeys(("cut", "load", "embed", "count", "retrieve"), "retrieval"),
    "write": "prompts",
    "train": "training",
    "predict": "predicting",
    "time": "timing",
    "score": "scoring",
    "spread": "workers",  # what goes on there that they don't tell
}
_BY_KIND = {
    **dict.fromkeys(("passages", "index", "sparse", "hits"), "retrieval"),
    "weights": "training",
    "predictions": "predicting",
    "latency": "timing",
}

logger = logging.getLogger("harness.run")


class Watch:
    """One run as it goes; a `Progress` for its stages."""

    def __init__(self, shown: Progress, since: float | None = None) -> None:
        """What is told to `shown` too; libraries were loaded from `since` on, a `time.perf_counter()`, until now."""
        now = time.perf_counter()
        self._shown, self._since = shown, now if since is None else since
        self._log: RunLog | None = None
        self._early: list[dict[str, JSON]] = []  # lines from before there is a run folder
        self._spans = [Span("loading", self._since, now)]
        self._open: list[tuple[int, str]] = []  # tasks by thread; those of workers end in any order
        self._reused: dict[tuple[str, str], bool] = {}

    @contextmanager
    def task(self, description: str, total: int) -> Iterator[Advance]:
        """Begins a task of `total` steps; the context's value is told how many more are done."""
        stage = _BY_VERB.get(description.partition(" ")[0], description.partition(" ")[0])
        steps = {"task": description, "total": total}
        self.write("task_begin", f"{description} begins", level="debug", stage=stage, **steps)
        entry = (get_ident(), description)
        self._open.append(entry)
        done = 0
        with self.stage(stage):
            begun = time.perf_counter()
            with self._shown.task(description, total) as advance:

                def count(steps: int) -> None:
                    nonlocal done
                    done += steps
                    advance(steps)

                try:
                    yield count
                finally:
                    self._open.remove(entry)
                    seconds = time.perf_counter() - begun
                    told = f"{description} ends after {seconds:.2f} s, {done} of {total} done"
                    self.write("task_end", told, level="debug", stage=stage, **steps, done=done, seconds=seconds)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Counts the time inside as that of a stage, without showing anything."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self._spans.append(Span(name, begun, time.perf_counter()))

    def artifact(self, kind: str, artifact: Artifact, asked: float) -> None:
        """What the cache tells: an artifact that was asked for at `asked` was built, or reused."""
        stage = _BY_KIND.get(kind, kind)
        ended = time.perf_counter()
        self._spans.append(Span(stage, asked, ended))
        if (kind, artifact.key) in self._reused:
            return  # once a run will do
        self._reused[kind, artifact.key] = artifact.reused
        size = f"{artifact.bytes / 1e6:.1f} MB"
        told = f"reused, {size}" if artifact.reused else f"built in {artifact.seconds:.2f} s, {size}"
        self.write(
            "artifact",
            f"{kind} {artifact.key[:8]} {told}",
            level="debug",
            stage=stage,
            task=next((task for thread, task in reversed(self._open) if thread == get_ident()), None),
            kind=kind,
            artifact=artifact.key,
            reused=artifact.reused,
            seconds=ended - asked,
            build_seconds=artifact.seconds,
            bytes=artifact.bytes,
        )

    def keep(self, folder: Path) -> None:
        """From now on, and for what came before, the log is that of the run in `folder`."""
        self._log = RunLog(folder)
        for line in self._early:
            self._log.write(line)
        self._early.clear()

    def write(self, event: str, message: str, *, level: str = "info", stage: str = "", **fields: Any) -> None:
        """Adds a line to the log, and tells it whoever listens to debug messages."""
        line = {"time": log_time(), "level": level, "stage": stage, "event": event, "message": message, **fields}
        if self._log is None:
            self._early.append(line)
        else:
            self._log.write(line)
        if event != "log":
            logger.debug("%s", scrub(message), extra={"watched": True})

    def stages(self) -> tuple[StageTime, ...]:
        """Where the time went until now, by stage."""
        seconds = seconds_by_stage(self._spans, self._since, time.perf_counter())
        counts: dict[str, list[int]] = {}
        for (kind, _), reused in self._reused.items():
            counts.setdefault(_BY_KIND.get(kind, kind), [0, 0])[reused] += 1
        return tuple(
            StageTime(stage, spent, *counts.get(stage, (0, 0))) for stage, spent in in_order(seconds, ORDER).items()
        )

    def end(self, outcome: str, **fields: Any) -> None:
        """Writes the last line and closes the log."""
        stages = self.stages()
        self.write(
            "end",
            f"{outcome} after {sum(stage.seconds for stage in stages):.1f} s",
            level="info" if outcome == "finished" else "error",
            outcome=outcome,
            seconds=sum(stage.seconds for stage in stages),
            stages=[stage._asdict() for stage in stages],
            **fields,
        )
        if self._log is not None:
            self._log.close()


@contextmanager
def watched(config: Mapping[str, JSON], progress: Progress, cache: Cache, since: float | None) -> Iterator[Watch]:
    """A watch over the run inside, which counts time from `since`; how the run ends is the last line of its log."""
    watch = Watch(progress, since)
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    machine = {"python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}"}
    about: dict[str, Any] = {"version": __version__, "command": command, **machine, "config": config}
    watch.write("begin", f"harness {__version__}: {command}", **about)
    before, cache.told = cache.told, watch.artifact
    try:
        with _heard(watch):
            yield watch
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt | SystemExit)  # the latter by SIGTERM
        told = "" if interrupted else "".join(traceback.format_exception(error))
        watch.end("interrupted" if interrupted else "failed", error=str(error), traceback=told)
        raise
    else:
        watch.end("finished")
    finally:
        cache.told = before


@contextmanager
def _heard(watch: Watch) -> Iterator[None]:
    """Writes what the `harness` logger and Python's warnings say to the log too; they are shown as before."""
    harness, handler, show = logging.getLogger("harness"), _Records(watch), warnings.showwarning

    def show_and_write(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        watch.write("log", str(message), level="warning", logger=category.__name__, place=f"{filename}:{lineno}")
        show(message, category, filename, lineno, file, line)

    harness.addHandler(handler)
    warnings.showwarning = show_and_write
    try:
        yield
    finally:
        warnings.showwarning = show
        harness.removeHandler(handler)


class _Records(logging.Handler):
    """Writes what the stages log, unless it is what the watch told itself."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, "watched", False):
            return
        trace = {"traceback": "".join(traceback.format_exception(*record.exc_info))} if record.exc_info else {}
        self._watch.write("log", record.getMessage(), level=record.levelname.lower(), logger=record.name, **trace)
