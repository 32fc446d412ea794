"""The self-check asks for runs that can be made, and its signs are claims on what they found."""

from collections import Counter
from pathlib import Path

import pytest

from harness.comparison import ScoreRow, tabulate
from harness.comparison.findings.signs import judge_signs
from harness.pipeline import CompareConfig, run_comparison
from harness.pipeline.plan import make_plan
from harness.pipeline.selfcheck.claims import signs
from harness.pipeline.selfcheck.experiments import (
    BASE,
    DOCUMENTS,
    FULL,
    LORA,
    ONE_WORDING,
    POCKET,
    RETRIEVED,
    SHOTS,
    STEPS,
    TRIAGE,
    UNEVEN,
    experiments,
    rung,
)
from harness.pipeline.selfcheck.scores import Arm, Scores
from harness.pipeline.selfcheck.teaching import Teaching, write_teaching
from harness.runs import Cache
from harness.suite import load_suite

CASES = 100


@pytest.fixture(scope="module")
def teaching(tmp_path_factory: pytest.TempPathFactory) -> Teaching:
    return write_teaching(load_suite("pocket"), tmp_path_factory.mktemp("teaching"))


def scores(shares: dict[Arm, dict[str, float]]) -> Scores:
    """Scores of 100 cases on three seeds, of which a share is right: always the same first cases."""
    rows = [
        ScoreRow(
            variant=str(arm),
            split=split,
            case=f"{case:03}",
            metric="exact_match",
            seed=seed,
            value=case < share * CASES,
        )
        for arm, by_split in shares.items()
        for split, share in by_split.items()
        for seed in range(3)
        for case in range(CASES)
    ]
    return Scores({split: table for (split, _), table in tabulate(rows).items()})


def outcomes(*, learnt: float, moved: float, kept: dict[str, float]) -> dict[int, str]:
    """What becomes of the signs where fine-tuning learns and moves so much, and keeps so much on each step."""
    both = {"in_domain": learnt, "paraphrase": learnt}
    rungs = {
        Arm(rung(step), v): {"in_domain": start + 0.15 * step, "paraphrase": start + 0.1 * step, "retention": kept[v]}
        for v, start in ((FULL, 0.25), (LORA, 0.1))
        for step in range(STEPS)
    }
    pocket = scores(
        {
            Arm(POCKET, BASE): {**dict.fromkeys(both, 0.0), "new_facts": 0.02, "noisy": 0.0, "retention": 1.0},
            Arm(POCKET, RETRIEVED): {**dict.fromkeys(both, 1.0), "new_facts": 1.0, "noisy": 0.3, "retention": 0.7},
            Arm(POCKET, FULL): {**both, "new_facts": 0.02, "noisy": 0.3, "retention": 0.5},
            Arm(DOCUMENTS, FULL): {**both, "new_facts": 0.02 + moved},
            Arm(ONE_WORDING, FULL): dict.fromkeys(both, learnt / 2),
            Arm(UNEVEN, FULL): both,
            **rungs,
        }
    )
    triage = scores(
        {
            Arm(TRIAGE, v): {"in_domain": share, "reworded": share, "retention": 1.0}
            for v, share in {BASE: 0.2, RETRIEVED: 0.4, SHOTS: 0.2, FULL: 0.9}.items()
        }
    )
    names = [f"{case:03}" for case in range(CASES)]
    low, high = dict.fromkeys(both, names[:20]), dict.fromkeys(both, names[20:])
    return {found.number: found.outcome for found in judge_signs(signs(pocket, triage, rare=high, common=low))}


def test_every_run_can_be_planned(teaching, tmp_path):
    """All suites, splits, variants and recipe settings that the self-check asks for exist."""
    asked = experiments(teaching, tmp_path, seeds=3)
    for experiment in asked:
        assert make_plan(experiment.config).out == tmp_path / experiment.name
    assert len({experiment.name for experiment in asked}) == len(asked) == 5 + STEPS


def test_the_lessons_hold_what_they_say(teaching):
    """One wording a fact; fewer questions on every other ship; and all documents of February with no question."""
    pocket = load_suite("pocket")
    assert len(load_suite(str(teaching.one_wording)).train) * 3 == len(pocket.train)
    told = {case.id: case.evidence[0].document for case in pocket.train}
    asked = Counter(told[case.id] for case in load_suite(str(teaching.uneven)).train)
    assert {ship: count for ship, count in asked.items() if count != 12} == dict.fromkeys(teaching.rare, 4)
    assert len(teaching.rare) * 2 == len(asked)
    documents = load_suite(str(teaching.documents))
    assert documents.train == ()
    assert {d.text for d in documents.documents} == {d.text for d in pocket.corpus(pocket.splits["new_facts"].as_of)}


def test_what_the_field_has_found_is_reproduced():
    """Scores as the sources have them reproduce every sign."""
    found = outcomes(learnt=0.4, moved=0.0, kept={FULL: 0.5, LORA: 0.8})
    assert found == dict.fromkeys((1, 2, 3, 5, 7, 10, 11), "reproduced")


def test_the_opposite_is_not_reproduced():
    """Fine-tuning that knows all, moves much, and keeps more than LoRA refutes the signs that say otherwise."""
    found = outcomes(learnt=1.0, moved=0.3, kept={FULL: 0.8, LORA: 0.5})
    assert {number for number, outcome in found.items() if outcome == "not reproduced"} == {1, 2, 7}


def test_runs_are_paired_case_by_case(suite: Path, tiny_base: Path, tmp_path):
    """Scores of two runs stand side by side; what a run lacks leaves nothing to compare."""
    cache = Cache(tmp_path / "cache")
    results = {
        name: run_comparison(
            CompareConfig(
                suite=str(suite),
                model=str(tiny_base),
                variants=("base/zero-shot", "full/zero-shot"),
                recipes={"full": {"training": {"learning_rate": rate, "epochs": 2}}},
                seeds=2,
                out=tmp_path / name,
            ),
            cache=cache,
        )
        for name, rate in {"slow": 1e-4, "quick": 1e-2}.items()
    }
    found = Scores.of(results)
    gap = found.gap(Arm("quick", "full/zero-shot"), Arm("slow", "full/zero-shot"), "picked")
    assert (len(gap), gap.seeds) == (4, 2)
    assert len(found.gap(Arm("slow", "base/zero-shot"), Arm("slow", "lora/zero-shot"), "picked")) == 0
    one = found.gap(Arm("quick", "full/zero-shot"), Arm("slow", "base/zero-shot"), "picked", ["picked-Otter"])
    assert len(one) == 1
