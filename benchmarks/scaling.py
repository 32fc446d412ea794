"""What more workers are worth: one comparison in one process and on Ray with one and two workers, and a model of more.

    python benchmarks/scaling.py [--quick] [--out FILE]

Every run begins with an empty cache, computes with one thread a worker, and must give the same scores. From the times
of the nodes in one process, and from overheads that are measured beside, list scheduling gives the makespan on any
number of workers: each node goes, in the graph's order, to the worker that is free first. `--quick` asks 20 cases of
each split, otherwise all.
"""

import argparse
import heapq
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from math import inf
from pathlib import Path
from statistics import median
from typing import Any

import torch
from measure import Summary, conclude

from harness.pipeline import CompareConfig, Silent, run_comparison
from harness.pipeline.graph import Stages, make_graph, make_workshop
from harness.pipeline.plan import Plan, make_plan
from harness.runs import Cache
from harness.runs.executors import Graph, LocalExecutor, Node, Outcomes, RayExecutor, Resources, Workshop
from harness.weights import load_model

WORKERS = (1, 2, 8, 64, 1000)
EMPTY_NODES = 100
STORED_BYTES = 100_000_000
SHARDS = (1000, 50, 10)
SHARDED = "base/few-shot-4"
LARGE = {"seeds": 5, "times": 100}  # the comparison on paper: seeds, and times as many cases in every test split


@dataclass(frozen=True)
class Overheads:
    """Seconds: of a task of Ray that does nothing, of a worker before its first task, of loading a model again.

    `start` is what the driver needs before the first task, `fetch` what a model takes from a store.
    """

    task: float
    opening: float
    load: float
    start: float
    fetch: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="20 cases of each split")
    parser.add_argument("--out", type=Path, help="where to keep all measured figures, as JSON")
    parser.add_argument("--measured", type=Path, help="such a file: nothing is measured, only the model computed")
    options = parser.parse_args()
    torch.set_num_threads(1)
    limit = 20 if options.quick else None
    with tempfile.TemporaryDirectory() as folder:
        config = CompareConfig(suite="pocket", device="cpu", threads=1, limit=limit, out=Path(folder, "paper"))
        plan = make_plan(config)
        figures = json.loads(options.measured.read_bytes()) if options.measured else measure(plan, Path(folder), limit)
    if options.out:
        options.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    overheads, seconds = Overheads(**figures["overheads"]), figures["nodes"]
    print(f"\n{overheads}\n")
    graph = make_graph(plan)
    table("the measured comparison", graph, lambda node: seconds[node.name], overheads)
    title = f"{LARGE['seeds']} seeds and {LARGE['times']} times the cases"
    table(title, make_graph(larger(plan)), Times(graph, seconds).of, overheads)
    ratio = figures["runs"]["local"] / figures["runs"]["ray-2"]
    conclude(Summary("scaling", ratio, None, figures["identical"], None, None))


def measure(plan: Plan, folder: Path, limit: int | None) -> dict[str, Any]:
    """All figures: seconds of the three runs, of each node in one process, and the overheads."""
    measured = runs(folder, limit)
    return {
        "runs": {name: spent for name, (spent, _) in measured.items()},
        "nodes": measured["local"][1].seconds,
        "overheads": asdict(overheads_of(plan, folder, measured)),
        "sharding": sharding(folder / "sharding", limit),
        "identical": len({Path(folder, name, "scores.jsonl").read_bytes() for name in measured}) == 1,
    }


def runs(folder: Path, limit: int | None) -> dict[str, tuple[float, Outcomes]]:
    """Seconds of the graph, and what came of it, in one process and with one and two workers."""
    found = {}
    for name, workers in {"local": 0, "ray-1": 1, "ray-2": 2}.items():
        more = {"executor": "ray"} if workers else {}
        config = CompareConfig(suite="pocket", device="cpu", threads=1, limit=limit, out=folder / name, **more)
        cache = Cache(folder / f"{name}-cache", shared="")
        stages = Stages(make_plan(config), cache, Silent())
        executor = RayExecutor(cpus=workers) if workers else LocalExecutor()
        with make_workshop(stages) as workshop:
            graph = make_graph(stages.plan)
            began = time.perf_counter()
            outcomes = executor.run(graph, workshop, Silent())
            spent = time.perf_counter() - began
        found[name] = spent, outcomes
        work = sum(outcomes.seconds.values())
        print(
            f"{name:8} {spent:7.1f} s for {len(graph)} nodes, {work:.1f} s of work, openings {outcomes.opening}",
            flush=True,
        )
        began = time.perf_counter()
        run_comparison(CompareConfig(**{**config.model_dump(), "executor": "local"}), cache=cache)
        print(f"{'':8} {time.perf_counter() - began:7.1f} s to put the comparison together from the cache", flush=True)
    return found


def sharding(folder: Path, limit: int | None) -> dict[str, float]:
    """Seconds that the base takes with four shots, by the most cases of a part: the shots are read once a part."""
    found = {}
    for shard in SHARDS:
        config = CompareConfig(suite="pocket", variants=(SHARDED,), device="cpu", shard=shard, limit=limit, out=folder)
        plan = make_plan(config)
        stages = Stages(plan, Cache(folder / f"shard-{shard}", shared=""), Silent())
        models = stages.models(plan, plan.variants[0].weights, 0)
        stages.prompts.build_all(Silent())
        models.backend(None)
        began = time.perf_counter()
        stages.predictor.predict(plan.variants[0], 0, models, None, plan.tasks)
        found[str(shard)] = time.perf_counter() - began
        print(f"parts of at most {shard:5,} cases: {found[str(shard)]:6.2f} s for {SHARDED}", flush=True)
    return found


def overheads_of(plan: Plan, folder: Path, measured: Mapping[str, tuple[float, Outcomes]]) -> Overheads:
    """What is measured beside the comparison."""
    openings = [seconds for name in ("ray-1", "ray-2") for seconds in measured[name][1].opening]
    empty = Workshop(lambda work, results: None, "scaling_work:open_workshop", "scaling_work:identity", {})
    nodes = [Node(str(number), {}, resources=Resources()) for number in range(EMPTY_NODES)]
    began = time.perf_counter()
    RayExecutor(cpus=1).run(Graph(nodes[:1]), empty, Silent())
    start = time.perf_counter() - began
    began = time.perf_counter()
    RayExecutor(cpus=1).run(Graph(nodes), empty, Silent())
    task = (time.perf_counter() - began - start) / (EMPTY_NODES - 1)
    began = time.perf_counter()
    load_model(plan.base, dtype=torch.float32, device=torch.device("cpu"))
    load = time.perf_counter() - began
    size = sum(path.stat().st_size for path in plan.base.path.glob("*.safetensors"))
    return Overheads(task, median(openings), load, start, size / store_rate(folder))


def store_rate(folder: Path) -> float:
    """Bytes a second from a store on this disk into another machine's cache, checked by hash."""
    store = (folder / "store").as_uri()

    def build(files: Path) -> None:
        (files / "weights.bin").write_bytes(bytes(STORED_BYTES))

    Cache(folder / "one", shared=store).artifact("weights", {"n": 1}, build)
    began = time.perf_counter()
    Cache(folder / "other", shared=store).artifact("weights", {"n": 1}, build)
    rate = STORED_BYTES / (time.perf_counter() - began)
    print(f"store: {rate / 1e6:.0f} MB/s")
    return rate


def larger(plan: Plan) -> Plan:
    """The plan with more seeds, and every test split's cases over and over."""
    config = plan.config.model_copy(update={"seeds": LARGE["seeds"]})
    tasks = [replace(t, split=replace(t.split, cases=t.split.cases * LARGE["times"])) for t in plan.tasks]
    return replace(plan, config=config, tasks=tuple(tasks))


class Times:
    """Seconds of nodes that weren't run, from those that were: the same kind and variant, and as many a case."""

    def __init__(self, graph: Graph, seconds: Mapping[str, float]) -> None:
        self._fixed: dict[str, float] = {}
        self._case: dict[str, tuple[float, int]] = {}
        for node in graph.nodes:
            key = _kind(node)
            if "parts" in node.work:
                spent, cases = self._case.get(key, (0.0, 0))
                self._case[key] = spent + seconds[node.name], cases + _cases(node)
            else:
                self._fixed[key] = max(seconds[node.name], self._fixed.get(key, 0.0))

    def of(self, node: Node) -> float:
        """Seconds that `node` will take."""
        key = _kind(node)
        if "parts" not in node.work:
            return self._fixed[key] * (LARGE["times"] if node.work["do"] in ("find", "write") else 1)
        spent, cases = self._case[key]
        return spent / cases * _cases(node)


def _kind(node: Node) -> str:
    work = node.work
    return str(
        [work["do"], work.get("variant"), work.get("chain"), node.name if work["do"] in ("index", "find") else ""]
    )


def _cases(node: Node) -> int:
    return sum(stop - start for _, start, stop in node.work["parts"])


def table(title: str, graph: Graph, seconds: Callable[[Node], float], over: Overheads) -> None:
    """Prints the makespan for every number of workers, and how much sooner than one process they are done."""
    work, path = sum(map(seconds, graph.nodes)), critical_path(graph, seconds)
    print(f"{title}: {len(graph)} nodes, {work:,.0f} s in one process, longest chain {path:,.0f} s")
    for workers in WORKERS:
        found = makespan(graph, seconds, workers, over)
        print(
            f"{workers:6,} workers {found:10,.0f} s  {work / found:6.1f} times as fast, {work / found / workers:6.1%}"
        )


def critical_path(graph: Graph, seconds: Callable[[Node], float]) -> float:
    """Seconds of the longest chain of nodes that need each other: no number of workers gets below it."""
    ends: dict[str, float] = {}
    for node in graph.nodes:
        ends[node.name] = max((ends[name] for name in node.needs), default=0.0) + seconds(node)
    return max(ends.values())


def makespan(graph: Graph, seconds: Callable[[Node], float], workers: int, over: Overheads) -> float:
    """Seconds until the last node is done, by list scheduling (Graham 1966).

    A task costs its overhead, in the one driver; a worker opens before its first, and is opened only where that is
    sooner than waiting; and what asks a model loads it anew
    and takes it from a store, as if no two tasks of one model ever followed one another.
    """
    opened: list[float] = []  # when each worker that has been at work is free again
    left = {node.name: len(node.needs) for node in graph.nodes}
    after: dict[str, list[int]] = {}
    for place, node in enumerate(graph.nodes):
        for name in node.needs:
            after.setdefault(name, []).append(place)
    ready = [(over.start, place) for place, node in enumerate(graph.nodes) if not node.needs]
    heapq.heapify(ready)
    driver, last = over.start, 0.0
    ends: dict[str, float] = {}
    while ready:
        since, place = heapq.heappop(ready)
        node = graph.nodes[place]
        driver = max(driver, since) + over.task
        new = driver + over.opening if len(opened) < workers else inf
        known = max(opened[0], driver) if opened else inf
        begun = min(new, known)
        loads = node.work.get("do") in ("predict", "choose", "time")
        ends[node.name] = begun + seconds(node) + (over.load + over.fetch if loads else 0.0)
        if known <= new:
            heapq.heapreplace(opened, ends[node.name])
        else:
            heapq.heappush(opened, ends[node.name])
        last = max(last, ends[node.name])
        for follower in after.get(node.name, ()):
            name = graph.nodes[follower].name
            left[name] -= 1
            if not left[name]:
                heapq.heappush(ready, (max(ends[need] for need in graph.nodes[follower].needs), follower))
    return last


if __name__ == "__main__":
    main()
