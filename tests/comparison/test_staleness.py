from dataclasses import replace

from harness.comparison import STALE_RATE
from harness.comparison.findings.staleness import staleness


def _rows(world, answers, stale, variant="full/zero-shot", **more):
    split = "updated_facts"
    return [
        *world.rows({variant: {split: answers}}, **more),
        *world.rows({variant: {split: stale}}, STALE_RATE, more.get("seed", 0)),
    ]


def _counts(found):
    return found.new, found.old, found.neither, found.unscored


def test_every_answer_is_one_of_four(world, evidence):
    """New, old, neither or unscored: the four add up to the answers."""
    rows = _rows(world, [1.0, 0.0, 0.0, None, 1.0], [0.0, 1.0, 0.0, None, 0.0])
    (found,) = staleness(evidence(rows))
    assert (found.variant, found.split, found.n) == ("full/zero-shot", "updated_facts", 5)
    assert _counts(found) == (2, 1, 1, 1)


def test_half_a_mark_for_an_outdated_answer_is_old(world, evidence):
    """An answer that equals an outdated one is old, also where a lenient metric counts it as right."""
    found = evidence(_rows(world, [0.5, 0.5], [1.0, 0.0], metric="token_f1"))
    (found,) = staleness(replace(found, primary={"updated_facts": "token_f1"}))
    assert _counts(found) == (1, 1, 0, 0)


def test_only_changed_questions_count(world, evidence):
    """Cases of the split whose answer never changed are left out."""
    rows = _rows(world, [1.0, 0.0, 1.0, 1.0], [0.0, 1.0])
    (found,) = staleness(evidence(rows))
    assert (found.n, *_counts(found)) == (2, 1, 1, 0, 0)


def test_seeds_count_each(world, evidence):
    """With two seeds each answer of a case counts by itself."""
    rows = [*_rows(world, [1.0], [0.0], seed=0), *_rows(world, [0.0], [1.0], seed=1)]
    (found,) = staleness(evidence(rows))
    assert (found.n, *_counts(found)) == (2, 1, 1, 0, 0)


def test_each_variant_and_split_has_its_own(world, evidence):
    """Records come split by split in the order of the variants."""
    rows = _rows(world, [1.0], [0.0], "base/rag-3") + _rows(world, [0.0], [1.0], "full/zero-shot")
    found = staleness(evidence(rows))
    assert [(one.variant, one.new, one.old) for one in found] == [("base/rag-3", 1, 0), ("full/zero-shot", 0, 1)]


def test_without_outdated_answers_nothing_is_said(world, evidence):
    """A run whose questions never changed has no staleness."""
    assert staleness(evidence(world.rows({"base/zero-shot": {"in_domain": [1.0]}}))) == []
