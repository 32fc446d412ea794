from itertools import combinations

import numpy as np

from harness.comparison.findings.agreement import agreement


def _counts(found):
    return found.n, found.both, found.only_a, found.only_b, found.neither


def test_four_ways_to_agree_or_not(world, evidence):
    """Of the cases that both have scored: both right, one alone, or neither; right from one half on."""
    scores = {
        "base/rag-3": {"in_domain": [1.0, 1.0, 0.5, 0.0, 0.4, None]},
        "full/zero-shot": {"in_domain": [1.0, 0.0, 0.49, 1.0, 0.0, 1.0]},
    }
    (found,) = agreement(evidence(world.rows(scores)))
    assert (found.a, found.b) == ("base/rag-3", "full/zero-shot")
    assert _counts(found) == (5, 1, 2, 1, 1)


def test_it_counts_as_one_by_one(world, evidence):
    """All pairs at once give what counting each pair by itself does, over the cases of all deciding splits."""
    random = np.random.default_rng(3)
    values = {
        f"v{v}/zero-shot": {
            split: [None if x > 0.9 else float(x > 0.4) for x in random.random(size)]
            for split, size in (("in_domain", 40), ("paraphrase", 25), ("retention", 30))
        }
        for v in range(5)
    }
    found = {(one.a, one.b): one for one in agreement(evidence(world.rows(values)))}
    assert list(found) == list(combinations(values, 2))
    for (a, b), one in found.items():
        pairs = [
            couple
            for split in ("in_domain", "paraphrase")
            for couple in zip(values[a][split], values[b][split], strict=True)
            if None not in couple
        ]
        wanted = [pairs.count(couple) for couple in ((1, 1), (1, 0), (0, 1), (0, 0))]
        assert _counts(one) == (len(pairs), *wanted)


def test_seeds_are_averaged(world, evidence):
    """A case that is right in one of three seeds is wrong, in two of three right."""
    base = world.rows({"base/rag-3": {"in_domain": [1.0, 1.0]}})
    seeds = ([1.0, 1.0], [0.0, 1.0], [0.0, 0.0])
    trained = [row for s, v in enumerate(seeds) for row in world.rows({"full/zero-shot": {"in_domain": v}}, seed=s)]
    (found,) = agreement(evidence([*base, *trained]))
    assert _counts(found) == (2, 1, 1, 0, 0)


def test_without_a_common_case_there_is_no_record(world, evidence):
    """Variants that were never scored on the same case neither agree nor disagree."""
    scores = {
        "a/zero-shot": {"in_domain": [1.0, None]},
        "b/zero-shot": {"in_domain": [None, 1.0]},
        "c/zero-shot": {"paraphrase": [1.0]},
    }
    assert agreement(evidence(world.rows(scores))) == []


def test_one_variant_agrees_with_nobody(world, evidence):
    """A single variant makes no pair, and neither does a run without scores."""
    assert agreement(evidence(world.rows({"a/zero-shot": {"in_domain": [1.0]}}))) == []
    assert agreement(evidence([])) == []
