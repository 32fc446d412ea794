"""The effects that the shipped suites must show with the default settings, judged by the harness's own intervals.

The runs come from the cache where `harness compare` made them before, and are made here otherwise.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from harness.comparison import Comparison, Lookup, ScoreTable, groups_of, read_cases, read_rows, tabulate
from harness.comparison.statistics.bootstrap import Difference, differences
from harness.pipeline import CompareConfig, run_comparison
from harness.weights import recipe_names

THREADS = torch.get_num_threads()  # read while tests are collected, before other tests ask for a single one


@pytest.fixture(scope="module", autouse=True)
def all_threads(one_thread) -> Iterator[None]:
    """The suites' own base is large enough to be quicker on all of them."""
    torch.set_num_threads(THREADS)
    yield
    torch.set_num_threads(1)


class Run:
    """A finished run, and the questions that the tests ask of it."""

    def __init__(self, suite: str, out: Path) -> None:
        result = run_comparison(CompareConfig(suite=suite, out=out))
        self.comparison: Comparison = result.comparison
        self.lookup = Lookup(self.comparison)
        self.tables = tabulate(read_rows(result.run), groups_of(read_cases(result.run)))

    def table(self, split: str, metric: str | None = None) -> ScoreTable:
        return self.tables[split, metric or self.lookup.primary[split]]

    def gap(self, a: str, b: str, split: str, metric: str | None = None) -> Difference:
        """The paired difference a - b with its 95% interval."""
        return differences([[self.table(split, metric).difference(a, b)]])[0]

    def mean(self, variant: str, split: str, metric: str | None = None) -> float:
        cell = self.lookup.cell(variant, split, metric or self.lookup.primary[split])
        assert cell is not None
        assert cell.mean is not None
        return cell.mean


@pytest.fixture(scope="module")
def pocket(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run("pocket", tmp_path_factory.mktemp("runs") / "pocket")


@pytest.fixture(scope="module")
def triage(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run("triage", tmp_path_factory.mktemp("runs") / "triage")


def test_the_base_does_not_know_the_facts_but_can_read_them(pocket):
    """In domain the base answers at most 10% unaided and at least 80% from three passages."""
    assert pocket.mean("base/zero-shot", "in_domain") <= 0.10
    assert pocket.mean("base/rag-3", "in_domain") >= 0.80


def test_fine_tuning_teaches_the_facts(pocket):
    """Full fine-tuning answers at least 60% in domain, in wordings that were not trained for that fact."""
    assert pocket.mean("full/zero-shot", "in_domain") >= 0.60


def test_fine_tuning_falls_more_than_rag_under_paraphrase(pocket):
    """From in-domain to paraphrase the fine-tuned model loses more than RAG, with a 95% interval above zero."""
    gaps = [pocket.table(split).difference("full/zero-shot", "base/rag-3") for split in ("in_domain", "paraphrase")]
    (gap,) = differences([gaps], weights=[1, -1])
    assert gap.low > 0


def test_only_retrieval_knows_new_facts(pocket):
    """Of documents added after training RAG answers at least 75%, every fine-tuned closed-book variant at most 15%."""
    assert pocket.mean("base/rag-3", "new_facts") >= 0.75
    closed_book = [v for v in pocket.comparison.variants if v.weights != "base" and v.context == "zero-shot"]
    assert len(closed_book) >= 5
    for variant in closed_book:
        assert pocket.mean(variant.name, "new_facts") <= 0.15


def test_fine_tuned_answers_go_stale(pocket):
    """Of facts that changed RAG gives the new value, and the fine-tuned model the old one measurably often."""
    assert pocket.mean("base/rag-3", "updated_facts") >= 0.75
    assert pocket.gap("full/zero-shot", "base/rag-3", "updated_facts", "stale_rate").low > 0.3


def test_full_fine_tuning_forgets_and_interpolation_keeps_more(pocket):
    """Full fine-tuning loses retention significantly; some point before it keeps more at a small in-domain cost."""
    assert pocket.gap("base/zero-shot", "full/zero-shot", "retention").low > 0
    kept = [
        alpha
        for alpha in ("full@0.25/zero-shot", "full@0.5/zero-shot", "full@0.75/zero-shot")
        if pocket.gap(alpha, "full/zero-shot", "retention").low > 0
        and pocket.mean("full/zero-shot", "in_domain") - pocket.mean(alpha, "in_domain") <= 0.10
    ]
    assert kept


def test_a_label_convention_is_learnt_by_fine_tuning_only(triage):
    """On triage full fine-tuning beats RAG and few-shot significantly, in domain and reworded."""
    for split in ("in_domain", "reworded"):
        for other in ("base/rag-3", "base/few-shot-4"):
            assert triage.gap("full/zero-shot", other, split).low > 0
    assert triage.comparison.decision.recommended.startswith(("full", "lora"))


def test_every_recipe_learns_triage(tmp_path):
    """All recipes that the harness brings train, pass their proofs, and beat the base in domain after correction."""
    result = run_comparison(
        CompareConfig(suite="triage", weights=("all",), contexts=("zero-shot",), out=tmp_path / "run")
    )
    comparison = result.comparison
    assert comparison.failures == []
    assert {variant.weights for variant in comparison.variants} >= {*recipe_names()} - {"dpo", "api-finetune"} | {
        "lora>dpo"
    }
    against_base = {
        pair.a: pair for pair in comparison.pairs if (pair.b, pair.split) == ("base/zero-shot", "in_domain")
    }
    assert len(against_base) == len(comparison.variants) - 1
    assert {name for name, pair in against_base.items() if pair.verdict != "a"} == set()
