"""A Ray cluster works through the graph: every node is a task, with its resources, and as often as workers die.

Knows nothing of what a node does; artifacts go through the cache that the workshop's settings name, not through Ray.
"""

import json
import logging
import os
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from harness import errors
from harness.errors import ExecutionError, HarnessError, InputError, UnknownNameError
from harness.runs.executors import ray_worker
from harness.runs.executors.executor import SPARING, Outcomes, Workshop
from harness.runs.executors.graph import Graph, Node
from harness.runs.executors.ray_cluster import check_room, cluster, died, processors
from harness.runs.executors.ray_post import Bulletin, Mailbox
from harness.runs.progress import Advance, Progress

ATTEMPTS = 4
PAUSE = 0.2  # seconds at most between two looks at what workers say

logger = logging.getLogger(__name__)


class RayExecutor:
    """Does nodes as tasks of Ray: on the cluster at `address`, or on one that is started on this machine."""

    def __init__(self, address: str | None = None, *, cpus: int | None = None, attempts: int = ATTEMPTS) -> None:
        """A node whose worker dies is begun up to `attempts` times.

        A cluster that is started here has `cpus` processors: if None, those that this process may use.
        """
        self._address, self._cpus, self._attempts = address, cpus, attempts

    def run(self, graph: Graph, workshop: Workshop, progress: Progress) -> Outcomes:
        """See `Executor.run`. Raises ExecutionError for a node that can't be done, and InputError without a cluster."""
        cpus = max([self._cpus or processors(), *(node.resources.cpus for node in graph.nodes)])
        with cluster(self._address, cpus) as (ray, own):
            workers = check_room(ray, graph.nodes, own=own)
            label = f"spread {len(graph)} pieces of work over {workers} processors"
            with progress.task(label, len(graph)) as advance:
                course = _Course(ray, graph, workshop, Bulletin(progress, logger), self._attempts)
                try:
                    return course.run(advance)
                finally:
                    course.stop()


class _Course:
    """One way through a graph."""

    def __init__(self, ray: ModuleType, graph: Graph, workshop: Workshop, bulletin: Bulletin, attempts: int) -> None:
        self._ray, self._bulletin, self._attempts = ray, bulletin, attempts
        self._common = {
            "entry": workshop.entry,
            "identity": workshop.identity,
            "agreed": ray_worker.resolve(workshop.identity)(),
            "settings": workshop.settings,
            "folder": os.getcwd(),
        }
        self._mailbox = ray.remote(Mailbox).options(num_cpus=0).remote()
        self._do = ray.remote(ray_worker.do)
        self._waiting = list(graph.nodes)
        self._running: dict[Any, tuple[Node, int]] = {}
        self._outcomes = Outcomes()
        self._posts: Any = None

    def run(self, advance: Advance) -> Outcomes:
        """Works until nothing is left."""
        self._begin_ready(advance)
        while self._running:
            self._ray.wait(list(self._running), num_returns=1, timeout=PAUSE)
            ended, _ = self._ray.wait(list(self._running), num_returns=len(self._running), timeout=0)
            self._read_posts()
            for reference in ended:
                self._end(reference, *self._running.pop(reference), advance)
            if ended:
                self._begin_ready(advance)
        return self._outcomes

    def stop(self) -> None:
        """Ends what is still running, with its process."""
        for reference, (node, attempt) in self._running.items():
            self._ray.cancel(reference, force=True)
            self._bulletin.over(node.name, attempt, InterruptedError())
        self._ray.kill(self._mailbox)

    def _begin_ready(self, advance: Advance) -> None:
        """Begins every node whose needs are done, and settles those of which one has failed."""
        waiting: list[Node] = []
        for node in self._waiting:
            error = self._outcomes.inherited(node)
            if error is not None:
                self._outcomes.errors[node.name] = error
                advance(1)
            elif all(name in self._outcomes.results for name in node.needs):
                self._begin(node, attempt=1)
            else:
                waiting.append(node)
        self._waiting = waiting

    def _begin(self, node: Node, attempt: int) -> None:
        results = self._outcomes.given(node)
        request = {**self._common, "node": node.name, "attempt": attempt, "work": node.work, "results": results}
        took = node.resources
        options = {"num_cpus": took.cpus, "num_gpus": took.gpus, "memory": took.memory_bytes}
        task = self._do.options(name=node.name, max_retries=0, **options)
        self._running[task.remote(json.dumps(request), self._mailbox)] = node, attempt

    def _end(self, reference: Any, node: Node, attempt: int, advance: Advance) -> None:
        try:
            answer = json.loads(self._ray.get(reference))
        except self._ray.exceptions.RayTaskError as error:
            raise ExecutionError(
                f"a worker could not begin {node.name!r} ({str(error).strip().splitlines()[-1]}). Each machine of the "
                "cluster needs the harness, installed as here."
            ) from error
        except self._ray.exceptions.RayError as error:
            self._died(node, attempt, error)
            return
        self._bulletin.show(answer["posts"])
        self._outcomes.seconds[node.name] = answer["seconds"]
        self._outcomes.opening += answer["opening"]
        self._bulletin.over(node.name, attempt)
        advance(1)
        if "crash" in answer:
            raise ExecutionError(
                f"{node.name!r} failed on {answer['host']} in a way that it shouldn't: {answer['crash']}\n"
                f"{answer['traceback']}"
            )
        if "error" not in answer:
            self._outcomes.results[node.name] = answer["result"]
            return
        failure = rebuilt(*answer["error"])
        if not isinstance(failure, SPARING):
            raise failure
        self._outcomes.errors[node.name] = failure

    def _died(self, node: Node, attempt: int, error: Exception) -> None:
        """Begins a node again whose worker died, unless that has happened too often."""
        self._bulletin.over(node.name, attempt, error)
        host = self._bulletin.hosts.get(node.name, "an unknown machine")
        if attempt >= self._attempts:
            raise died(node, host, attempt, error, self._ray) from error
        logger.warning("%s: its worker on %s died; it is begun again.", node.name, host)
        self._begin(node, attempt + 1)

    def _read_posts(self) -> None:
        """Shows what has been posted; asks for more without waiting for it."""
        if self._posts is not None:
            ready, _ = self._ray.wait([self._posts], timeout=0)
            if not ready:
                return
            for posts in _fetched(self._ray, self._posts):
                self._bulletin.show(json.loads(posts))
        self._posts = self._mailbox.take.remote()


def _fetched(ray: ModuleType, posts: Any) -> Sequence[str]:
    """What was posted; nothing where the mailbox is gone with its machine, since it is only told."""
    try:
        return list(ray.get(posts))
    except ray.exceptions.RayError:
        return ()


def rebuilt(name: str, message: str) -> HarnessError:
    """The error of the harness with that class name and message."""
    found = getattr(errors, name, HarnessError)
    return InputError(message) if found is UnknownNameError else found(message)
