from harness.comparison import tabulate
from harness.comparison.pairs import opponents, paired_differences


def _table(world, **right):
    scores = {name.replace("_", "/", 1).replace("_", "-"): {"s": world.hits(count)} for name, count in right.items()}
    return tabulate(world.rows(scores))["s", "exact_match"]


def test_everyone_meets_the_reference_and_the_best_other(world):
    """Each variant is paired with base/zero-shot and with the best other one, and no two meet twice."""
    table = _table(world, base_zero_shot=10, base_rag=60, full_zero_shot=80)
    assert opponents(table, {}) == [
        ("base/rag", "base/zero-shot"),
        ("full/zero-shot", "base/zero-shot"),
        ("base/rag", "full/zero-shot"),
    ]


def test_without_the_reference_the_best_is_left(world):
    """Without base/zero-shot everyone still meets the best other variant."""
    assert opponents(_table(world, base_rag=60, full_rag=80, lora_rag=70), {}) == [
        ("base/rag", "full/rag"),
        ("full/rag", "lora/rag"),
    ]


def test_a_lone_variant_has_no_pair(world):
    """One variant alone is compared with nothing."""
    assert paired_differences(_table(world, base_zero_shot=10)) == []


def test_verdicts_name_who_wins(world):
    """A clear win goes to its side, equal scores are a tie, and the interval contains the difference."""
    pairs = {(p.a, p.b): p for p in paired_differences(_table(world, base_zero_shot=40, base_rag=40, full_rag=80))}
    assert pairs["base/rag", "base/zero-shot"].verdict == "tie"
    assert pairs["full/rag", "base/zero-shot"].verdict == "a"
    assert pairs["base/rag", "full/rag"].verdict == "b"
    assert all(pair.low <= pair.difference <= pair.high for pair in pairs.values())


def test_a_variant_without_scores_makes_no_pair(world):
    """Where nothing is scored there is no difference to tell, and none is invented."""
    rows = world.rows({"base/zero-shot": {"s": [1.0, 0.0]}, "full/rag": {"s": [None, None]}})
    assert paired_differences(tabulate(rows)["s", "exact_match"]) == []


def test_a_stage_meets_the_one_before(world):
    """A variant that was trained on top of another is paired with it, whoever is best."""
    table = _table(world, base_rag=60, full_rag=80, lora_rag=70)
    assert ("lora/rag", "base/rag") in opponents(table, {"lora/rag": "base/rag"})
    assert ("lora/rag", "base/rag") not in opponents(table, {})
