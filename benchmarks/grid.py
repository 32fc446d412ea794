"""A whole default `harness compare`, against the same grid through plain transformers, peft and sentence-transformers.

    python benchmarks/grid.py [--quick] [--threads 2]

Both begin with nothing but the pocket suite and its base: they embed and search the corpus, train the recipes, and
answer all cases with all variants. The harness also proves, scores, compares and writes its run. Variants that need no
training must give the same texts; of the others, the share of cases answered alike is printed: two trainings differ.
`--quick` has the base alone, closed book and with three passages, on 50 cases a split.
"""

import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from measure import Summary, Timed, arguments, conclude, ratio
from plain_grid import PlainGrid

from harness.pipeline import CompareConfig, Silent, run_comparison
from harness.pipeline.examples import Lessons
from harness.pipeline.find import Finder
from harness.pipeline.plan import Plan, make_plan
from harness.pipeline.prompts import Prompts
from harness.runs import Cache

BATCH_SIZES = (8, 32, 128)


def main() -> None:
    parser = arguments(__doc__)
    parser.set_defaults(threads=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    small = {"weights": ("base",), "contexts": ("zero-shot", "rag-3"), "limit": 50} if options.quick else {}
    with tempfile.TemporaryDirectory() as folder:
        run, cache = Path(folder, "run"), Cache(Path(folder, "cache"))
        config = CompareConfig(suite="pocket", device="cpu", out=run, **small)
        ours = timed(lambda: run_comparison(config, cache=cache))
        print(f"{'harness compare':18} {ours.median:8.1f} s", flush=True)
        plan = make_plan(config)
        grid = plain(plan, cache)
        print(f"batches of {grid.batch_size} answer soonest among {BATCH_SIZES}", flush=True)
        theirs = timed(grid.run)
        print(f"{'plain libraries':18} {theirs.median:8.1f} s", flush=True)
        alike = {name: share_alike(run, name, texts) for name, texts in theirs.result.items()}
    for variant in map(str, plan.variants):
        print(f"{variant:22} {fmean(alike[f'{variant}/{task.name}'] for task in plan.tasks):7.1%} of texts alike")
    untrained = [str(variant) for variant in plan.variants if not variant.weights.trained]
    same = all(alike[f"{variant}/{task.name}"] == 1 for variant in untrained for task in plan.tasks)
    conclude(Summary("grid", ratio(theirs, ours), None, same, None, None))


def plain(plan: Plan, cache: Cache) -> PlainGrid:
    """The grid for plain libraries, with the prompts and examples of the run that filled `cache`."""
    finder = Finder(plan, cache, Silent())
    prompts = Prompts(plan, finder)
    lessons = Lessons(plan, prompts, finder)
    tried = prompts.asked(plan.tasks[0], plan.variants[-1].context, 0).prompts[: max(BATCH_SIZES)]
    seconds = {}
    for size in BATCH_SIZES:
        grid = PlainGrid(plan, prompts, lessons, size)
        model, decoding = grid.base(), plan.suite.decoding
        answer = partial(grid.answer, model, [prompt.ids for prompt in tried], decoding.max_new_tokens, decoding.stop)
        seconds[size] = timed(answer).median
    return PlainGrid(plan, prompts, lessons, min(seconds, key=seconds.__getitem__))


def timed(way: Callable[[], Any]) -> Timed:
    """One round of one way."""
    began = time.perf_counter()
    result = way()
    return Timed([time.perf_counter() - began], result)


def share_alike(run: Path, name: str, texts: list[str]) -> float:
    """The share of `texts` that the run's predictions for `variant/task` have too."""
    weights, context, task = name.rsplit("/", 2)
    lines = Path(run, "predictions", weights, context, f"{task}.jsonl").read_text(encoding="utf-8").splitlines()
    return fmean(json.loads(line)["text"] == text for line, text in zip(lines, texts, strict=True))


if __name__ == "__main__":
    main()
