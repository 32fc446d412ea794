"""Measures how much cheaper an alpha sweep is that moves one model in place than restoring a model for each alpha.

    python benchmarks/alpha_sweep.py [ALPHAS] [ROUNDS]

Takes both ways in turn, in one process with one thread, on the pocket base, with weights that were trained for one
step (what they say doesn't matter here), and prints milliseconds for one alpha and their ratio: the median of the
rounds, with the least and the most. Loading both ends counts for the sweep. The last column is the share that one more
alpha, both ends loaded, takes of the cheapest evaluation there is: the suite's test splits, closed book.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch

from harness.inference import Engine
from harness.pipeline import CompareConfig
from harness.pipeline.plan import make_plan
from harness.pipeline.prompts import Prompts
from harness.weights import Base, Example, Hardware, Recipe, Stage, derive, load_model, locate_base, method_of, restore

METHODS = ("full", "lora", "rslora", "dora", "qlora")
POCKET = Path(__file__).parents[1] / "suites" / "pocket" / "base"
CPU = Hardware(torch.device("cpu"), torch.float32)


def main(alphas: int = 11, rounds: int = 5) -> None:
    torch.set_num_threads(1)
    base = locate_base(str(POCKET))
    points = [number / (alphas - 1) for number in range(alphas)]
    print(f"{alphas} alphas, {rounds} rounds; milliseconds for one alpha")
    evaluation = median(evaluate(base) for _ in range(rounds))
    print(f"one evaluation: {evaluation:.2f} s")
    print(f"{'':8} {'restored':>9} {'swept':>7}   ratio (least to most)  one more, of an evaluation")
    for name in METHODS:
        recipe = Recipe(name=name, method=name, training={"learning_rate": 1e-3, "epochs": 1})
        with tempfile.TemporaryDirectory() as folder:
            stage = Stage(recipe, Path(folder))
            derive(recipe, base, CPU, [Example((1, 2, 3), (4, 5))], stage.folder, seed=0)
            restore_each(stage, base, points[:2])  # the first time loads libraries
            loading = median(seconds(move_one, stage, base, points[:1]) for _ in range(rounds))
            pairs = [
                (seconds(restore_each, stage, base, points), seconds(move_one, stage, base, points))
                for _ in range(rounds)
            ]
        ratios = [slow / fast for slow, fast in pairs]
        slow, fast = (median(column) / alphas * 1e3 for column in zip(*pairs, strict=True))
        spread = f"{median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"
        more = (median(swept for _, swept in pairs) - loading) / (alphas - 1)
        print(f"{name:8} {slow:9.1f} {fast:7.2f}   {spread:22} {more / evaluation:.2%}")


def evaluate(base: Base) -> float:
    """The seconds in which the base answers the test splits of its suite, closed book."""
    plan = make_plan(CompareConfig(suite="pocket", weights=("base",), contexts=("zero-shot",), device="cpu"))
    prompts = Prompts(plan, {})
    engine = Engine(load_model(base, dtype=CPU.dtype, device=CPU.device), prompts.tokenizer)
    context = plan.variants[0].context
    began = time.perf_counter()
    for task in plan.tasks:
        ids = [prompt.ids for prompt in prompts.asked(task, context, 0).prompts]
        engine.generate(ids, max_new_tokens=task.suite.decoding.max_new_tokens, stop=task.suite.decoding.stop)
    return time.perf_counter() - began


def restore_each(stage: Stage, base: Base, points: list[float]) -> None:
    for alpha in points:
        restore([stage], base, CPU, alpha)


def move_one(stage: Stage, base: Base, points: list[float]) -> None:
    method, settings = method_of(stage.recipe)
    start = method.prepare(load_model(base, dtype=CPU.dtype, device=CPU.device), settings)
    at = method.line(start, stage.folder)
    assert at is not None
    for alpha in points:
        at(alpha)


def seconds(way: Callable[[Stage, Base, list[float]], None], stage: Stage, base: Base, points: list[float]) -> float:
    began = time.perf_counter()
    way(stage, base, points)
    return time.perf_counter() - began


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
