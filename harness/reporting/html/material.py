"""Gathers what a run kept of its cases: questions, passages, prompts, outputs and scores. Knows nothing of the page."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.comparison import (
    ROWS_FILE,
    CaseRow,
    Comparison,
    PassageRow,
    ScoreRow,
    read_cases,
    read_passages,
    read_prompts,
    read_rows,
)
from harness.reporting.html.outputs import Output, read_outputs
from harness.runs import RunFolder

Prompts = Mapping[str, Mapping[int, str]]  # by case, then by seed
Outputs = Mapping[str, Mapping[int, Output]]  # by case, then by seed
Scores = Mapping[str, Mapping[int, Mapping[str, ScoreRow]]]  # by case, then by seed, then by metric


@dataclass(frozen=True)
class Material:
    """What the files beside a comparison hold; of the last three each is empty where a run was kept without it.

    Cases by split, passages by id, prompts by context and split, outputs and scores by variant and split.
    """

    cases: Mapping[str, Sequence[CaseRow]]
    passages: Mapping[str, PassageRow]
    prompts: Mapping[tuple[str, str], Prompts]
    outputs: Mapping[tuple[str, str], Outputs]
    scores: Mapping[tuple[str, str], Scores]


def gather(run_folder: Path, comparison: Comparison) -> Material:
    """All that the run kept of its cases, in its own order; raises InputError for a file that is broken."""
    cases: dict[str, list[CaseRow]] = {split.name: [] for split in comparison.splits}
    for row in read_cases(run_folder):
        cases.setdefault(row.split, []).append(row)
    contexts = dict.fromkeys(variant.context for variant in comparison.variants)
    return Material(
        cases=cases,
        passages=read_passages(run_folder),
        prompts={(context, split): _prompts(run_folder, context, split) for context in contexts for split in cases},
        outputs=_outputs(run_folder, comparison),
        scores=_scores(run_folder),
    )


def _prompts(run_folder: Path, context: str, split: str) -> Prompts:
    found: dict[str, dict[int, str]] = defaultdict(dict)
    for (case, seed), text in read_prompts(run_folder, context, split).items():
        found[case][seed] = text
    return found


def _outputs(run_folder: Path, comparison: Comparison) -> dict[tuple[str, str], Outputs]:
    if not (run_folder / "predictions").is_dir():
        return {}
    run = RunFolder.existing(run_folder)
    found: dict[tuple[str, str], dict[str, dict[int, Output]]] = defaultdict(lambda: defaultdict(dict))
    for variant in comparison.variants:
        for split in comparison.splits:
            for output in read_outputs(run, variant.weights, variant.context, split.name):
                found[variant.name, split.name][output.case][output.seed] = output
    return dict(found)


def _scores(run_folder: Path) -> dict[tuple[str, str], Scores]:
    if not (run_folder / ROWS_FILE).exists():
        return {}
    found: dict[tuple[str, str], dict[str, dict[int, dict[str, ScoreRow]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(dict))
    )
    for row in read_rows(run_folder):
        found[row.variant, row.split][row.case][row.seed][row.metric] = row
    return dict(found)
