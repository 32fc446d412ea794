import pytest

from harness.comparison.findings.attribution import RETRIEVED, SHOWN, attribute, cause


@pytest.mark.parametrize(
    ("score", "retrieved", "shown", "expected"),
    [
        (1.0, True, True, "right_with_evidence"),
        (0.5, True, True, "right_with_evidence"),
        (1.0, True, False, "right_without_evidence"),
        (1.0, False, False, "right_without_evidence"),
        (0.0, False, False, "not_retrieved"),
        (0.4, True, False, "dropped"),
        (0.0, True, True, "misread"),
        (None, True, True, "unscored"),
    ],
)
def test_cause(score, retrieved, shown, expected):
    """Every combination of answer and evidence has one cause."""
    assert cause(score, retrieved=retrieved, shown=shown) == expected


def test_counts_add_up(world):
    """The causes of a variant and split add up to its answers with evidence; others aren't counted."""
    variants = {"base/rag-3": {"in_domain": [1.0, 0.0, 0.0, 0.0, None]}}
    retrieved = {"base/rag-3": {"in_domain": [1.0, 0.0, 1.0, 1.0]}}
    shown = {"base/rag-3": {"in_domain": [1.0, 0.0, 0.0, 1.0]}}
    rows = [*world.rows(variants), *world.rows(retrieved, RETRIEVED), *world.rows(shown, SHOWN)]
    (found,) = attribute(rows, {"in_domain": "exact_match"})
    assert (found.right_with_evidence, found.not_retrieved, found.dropped, found.misread) == (1, 1, 1, 1)
    assert found.n == 4


def test_seeds_count_each(world):
    """With two seeds each answer of a case is attributed by itself."""
    rows = [
        *world.rows({"full/rag-1": {"in_domain": [1.0]}}, seed=0),
        *world.rows({"full/rag-1": {"in_domain": [0.0]}}, seed=1),
        *(
            row
            for seed in (0, 1)
            for m in (RETRIEVED, SHOWN)
            for row in world.rows({"full/rag-1": {"in_domain": [1.0]}}, m, seed)
        ),
    ]
    (found,) = attribute(rows, {"in_domain": "exact_match"})
    assert (found.n, found.right_with_evidence, found.misread) == (2, 1, 1)


def test_without_evidence_nothing_is_attributed(world):
    """A variant that retrieves nothing has no attribution."""
    assert attribute(world.rows({"base/zero-shot": {"in_domain": [1.0]}}), {"in_domain": "exact_match"}) == []


def test_comparison_orders_it(world):
    """The comparison holds the attribution by variant and split in its own order, and only retrieval's of them."""
    scores = {name: {"retention": [1.0, 0.0], "in_domain": [1.0, 0.0]} for name in ("base/zero-shot", "base/rag-3")}
    evidence = {"base/rag-3": scores["base/rag-3"]}
    rows = [*world.rows(scores), *world.rows(evidence, RETRIEVED), *world.rows(evidence, SHOWN)]
    comparison = world.compare(rows)
    assert [(a.variant, a.split, a.n) for a in comparison.attribution] == [
        ("base/rag-3", "retention", 2),
        ("base/rag-3", "in_domain", 2),
    ]
