"""How long one query alone takes, batch 1: what a user waits for, retrieval included.

Measured once for each model and context, on questions drawn evenly from all tasks, and kept in the cache.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil
from pathlib import Path

from harness.inference import Backend
from harness.pipeline.backends import backend_identity
from harness.pipeline.find import Finder
from harness.pipeline.models import Alpha, Models
from harness.pipeline.plan import Plan
from harness.pipeline.prompts import Asked, Prompts
from harness.pipeline.tasks import Task
from harness.runs import JSON, Cache, code_hash, library_versions
from harness.runs.progress import Progress
from harness.suite import Case
from harness.variants import Variant

QUERIES = 20  # the fewest of which the slowest one is a 95th percentile
FILE = "latency.json"
MEASURING = ("harness.inference", "harness.kernels", "harness.weights", "harness.pipeline.latency")


@dataclass(frozen=True)
class Latency:
    """Seconds of each measured query, and how many bytes the model's weights take."""

    seconds: tuple[float, ...]
    weight_bytes: int

    def percentile(self, share: float) -> float:
        """The least of the measured times that `share` of them don't exceed (nearest rank)."""
        return sorted(self.seconds)[max(0, ceil(round(share * len(self.seconds), 9)) - 1)]


@dataclass(frozen=True)
class _Query:
    """One case of one task, by its place there."""

    task: Task
    place: int

    @property
    def case(self) -> Case:
        return self.task.split.cases[self.place]


class Stopwatch:
    """Times variants query by query."""

    def __init__(self, plan: Plan, prompts: Prompts, finder: Finder, cache: Cache, progress: Progress) -> None:
        self._plan, self._prompts, self._finder = plan, prompts, finder
        self._cache, self._progress = cache, progress
        self._queries = _spread(plan.tasks, QUERIES)
        self._depends: dict[str, JSON] = {
            **plan.hardware.pace,
            "backend": backend_identity(plan.config.backend),
            "versions": library_versions(["torch", "transformers", "peft"]),
            "code": code_hash(*MEASURING),
        }

    def measure(self, variant: Variant, seed: int, models: Models, alpha: Alpha) -> Latency | None:
        """The latency of `variant`; None where no task is worded by the harness itself, or no case fits the window."""
        asked = [(query, self._prompts.asked(query.task, variant.context, seed)) for query in self._queries]
        asked = [(query, prompts) for query, prompts in asked if not prompts.failures[query.place]]
        if not asked:
            return None

        def build(folder: Path) -> None:
            engine = models.backend(alpha)
            _check(engine, asked)  # what only a first call takes is no part of a query's time
            seconds = []
            with self._progress.task(f"time {variant}", len(asked)) as advance:
                for query, prompts in asked:
                    begun = time.perf_counter()
                    _answer(engine, [query], [prompts])
                    seconds.append(time.perf_counter() - begun)
                    advance(1)
            content = json.dumps({"seconds": seconds, "weight_bytes": engine.weight_bytes})
            (folder / FILE).write_text(content + "\n", encoding="utf-8")

        inputs: dict[str, JSON] = {
            **self._depends,
            "decoding": [query.task.suite.decoding.model_dump(mode="json") for query, _ in asked],
            "weights": models.identity(alpha),
            "prompts": [list(prompts.prompts[query.place].ids) for query, prompts in asked],
            "choices": [[list(ids) for ids in prompts.choices[query.place]] for query, prompts in asked],
        }
        found = json.loads((self._cache.artifact("latency", inputs, build).path / FILE).read_bytes())
        retrieved = self._retrieved(variant, [query for query, _ in asked])
        seconds = [answer + search for answer, search in zip(found["seconds"], retrieved, strict=True)]
        return Latency(tuple(seconds), found["weight_bytes"])

    def _retrieved(self, variant: Variant, queries: Sequence[_Query]) -> list[float]:
        """What retrieval takes of each query's time, in seconds."""
        if not variant.context.passages:
            return [0.0] * len(queries)
        seconds: dict[tuple[str, int], float] = {}
        for task in dict.fromkeys(query.task.name for query in queries):
            of_task = [query for query in queries if query.task.name == task]
            alone = self._finder.seconds_alone(of_task[0].task, variant.context, [query.case for query in of_task])
            seconds.update({(task, query.place): spent for query, spent in zip(of_task, alone, strict=True)})
        return [seconds[query.task.name, query.place] for query in queries]


def _check(engine: Backend, asked: Sequence[tuple[_Query, Asked]]) -> None:
    """Lets `engine` answer all queries together, task by task, by which it settles how it computes."""
    for _, group in groupby(asked, key=lambda one: one[0].task.name):
        queries, prompts = zip(*group, strict=True)
        _answer(engine, queries, prompts)


def _answer(engine: Backend, queries: Sequence[_Query], asked: Sequence[Asked]) -> None:
    """Lets `engine` answer `queries` of one task."""
    ids = [prompts.prompts[query.place].ids for query, prompts in zip(queries, asked, strict=True)]
    task = queries[0].task
    if task.split.chooses:
        engine.choose(ids, [prompts.choices[query.place] for query, prompts in zip(queries, asked, strict=True)])
    else:
        decoding = task.suite.decoding
        engine.generate(ids, max_new_tokens=decoding.max_new_tokens, stop=decoding.stop)


def _spread(tasks: Sequence[Task], count: int) -> list[_Query]:
    """Up to `count` cases, spread evenly over all cases of the tasks that the harness words itself."""
    every = [_Query(task, place) for task in tasks if task.lm_eval is None for place in range(len(task.split.cases))]
    step = max(1.0, len(every) / count)
    return [every[int(number * step)] for number in range(min(count, len(every)))]
