"""The whole road with tasks of lm-evaluation-harness: as the suite that is learnt and compared, and as retention."""

import json

from lm_eval_files import write_tasks

from harness.pipeline import CompareConfig, run_comparison
from harness.runs import Cache

FAST = {"training": {"epochs": 1, "batch_size": 4, "learning_rate": 0.01}}


def test_a_task_is_learnt_and_compared(tiny_base, tmp_path):
    """A recipe learns its training split, `@best` is chosen on its validation split, and its test split judges."""
    tasks = write_tasks(tmp_path / "tasks")
    request = CompareConfig(
        suite="lm_eval:options",
        lm_eval_tasks=tasks,
        retention=("lm_eval:last-word", "lm_eval:sums"),
        model=str(tiny_base),
        variants=("base/zero-shot", "full/zero-shot", "full@best/zero-shot", "base/few-shot-2"),
        recipes={"full": FAST},
        out=tmp_path / "run",
    )
    comparison = run_comparison(request, cache=Cache(tmp_path / "cache")).comparison
    assert [(split.name, split.kind, split.primary) for split in comparison.splits] == [
        ("options", "in-domain", "acc"),
        ("lm_eval:last-word", "retention", "acc"),
        ("lm_eval:sums", "retention", "exact_match(strict-match)"),
    ]
    cells = {(cell.variant, cell.split, cell.metric): cell.n for cell in comparison.cells}
    for variant in request.variants:
        assert cells[variant, "options", "acc_norm"] == 18
        assert cells[variant, "lm_eval:sums", "exact_match(flexible-extract)"] == 12
    lessons = (tmp_path / "run/training/full/seed-0.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lessons) == 18
    written = {path.parent.name for path in (tmp_path / "run/lm_eval").rglob("results_*.json")}
    assert written == {variant.replace("/", "__") for variant in request.variants}


def test_tasks_are_retained_beside_a_suite_with_a_corpus(suite, tiny_base, tmp_path):
    """Beside a suite, and with a limit, tasks are asked zero-shot and after the passages of its corpus."""
    tasks = write_tasks(tmp_path / "tasks")
    request = CompareConfig(
        suite=str(suite),
        lm_eval_tasks=tasks,
        retention=("lm_eval:options",),
        model=str(tiny_base),
        variants=("base/zero-shot", "base/rag-2"),
        limit=3,
        out=tmp_path / "run",
    )
    comparison = run_comparison(request, cache=Cache(tmp_path / "cache")).comparison
    assert {cell.n for cell in comparison.cells if cell.split == "lm_eval:options"} == {3}
    rows = (tmp_path / "run/predictions/base/rag-2/lm_eval:options.jsonl").read_text(encoding="utf-8").splitlines()
    assert all(len(json.loads(row)["passages"]) == 2 for row in rows)
    assert len(rows) == 3
