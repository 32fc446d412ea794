"""Measures how much cheaper an alpha sweep is that moves one model in place than restoring a model for each alpha.

    python benchmarks/alpha_sweep.py [ALPHAS] [ROUNDS]

Takes both ways in turn, in one process with one thread, on the pocket base, with weights that were trained for one
step (what they say doesn't matter here), and prints milliseconds for one alpha and their ratio: the median of the
rounds, with the least and the most. Loading both ends counts for the sweep.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch

from harness.weights import Base, Example, Hardware, Recipe, Stage, derive, load_model, locate_base, method_of, restore

METHODS = ("full", "lora", "rslora", "dora", "qlora")
POCKET = Path(__file__).parents[1] / "suites" / "pocket" / "base"
CPU = Hardware(torch.device("cpu"), torch.float32)


def main(alphas: int = 11, rounds: int = 5) -> None:
    torch.set_num_threads(1)
    base = locate_base(str(POCKET))
    points = [number / (alphas - 1) for number in range(alphas)]
    print(f"{alphas} alphas, {rounds} rounds; milliseconds for one alpha")
    print(f"{'':8} {'restored':>9} {'swept':>7}   ratio (least to most)")
    for name in METHODS:
        recipe = Recipe(name=name, method=name, training={"learning_rate": 1e-3, "epochs": 1})
        with tempfile.TemporaryDirectory() as folder:
            stage = Stage(recipe, Path(folder))
            derive(recipe, base, CPU, [Example((1, 2, 3), (4, 5))], stage.folder, seed=0)
            restore_each(stage, base, points[:2])  # the first time loads libraries
            pairs = [
                (seconds(restore_each, stage, base, points), seconds(move_one, stage, base, points))
                for _ in range(rounds)
            ]
        ratios = [slow / fast for slow, fast in pairs]
        slow, fast = (median(column) / alphas * 1e3 for column in zip(*pairs, strict=True))
        print(f"{name:8} {slow:9.1f} {fast:7.2f}   {median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})")


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
