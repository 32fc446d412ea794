import pytest

from harness.comparison import tabulate
from harness.comparison.findings.pairs import opponents, paired_differences
from harness.comparison.statistics.significance import mcnemar_p


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
    assert paired_differences([_table(world, base_zero_shot=10)]) == []


def test_verdicts_name_who_wins(world):
    """A clear win goes to its side, equal scores are a tie, and the interval contains the difference."""
    scores = {"base/zero-shot": 40, "base/rag": 40, "full/rag": 80}
    rows = world.rows({name: {"s": world.hits(2 * right, 200)} for name, right in scores.items()})
    pairs = {(p.a, p.b): p for p in paired_differences(list(tabulate(rows).values()))}
    assert pairs["base/rag", "base/zero-shot"].verdict == "tie"
    assert pairs["full/rag", "base/zero-shot"].verdict == "a"
    assert pairs["base/rag", "full/rag"].verdict == "b"
    assert all(pair.low <= pair.difference <= pair.high for pair in pairs.values())


def test_a_variant_without_scores_makes_no_pair(world):
    """Where nothing is scored there is no difference to tell, and none is invented."""
    rows = world.rows({"base/zero-shot": {"s": [1.0, 0.0]}, "full/rag": {"s": [None, None]}})
    assert paired_differences([tabulate(rows)["s", "exact_match"]]) == []


def test_a_stage_meets_the_one_before(world):
    """A variant that was trained on top of another is paired with it, whoever is best."""
    table = _table(world, base_rag=60, full_rag=80, lora_rag=70)
    assert ("lora/rag", "base/rag") in opponents(table, {"lora/rag": "base/rag"})
    assert ("lora/rag", "base/rag") not in opponents(table, {})


def test_the_test_suits_the_scores(world):
    """McNemar where both are right or wrong, permutation where scores are graded, bootstrap where seeds vary."""
    rows = world.rows({"base/zero-shot": {"s": [1.0, 0.0, 1.0]}, "full/rag": {"s": [0.0, 0.0, 1.0]}})
    graded = world.rows({"base/zero-shot": {"s": [1.0, 0.5, 1.0]}, "full/rag": {"s": [0.0, 0.0, 1.0]}})
    seeds = rows + world.rows({"full/rag": {"s": [1.0, 0.0, 1.0]}}, seed=1)
    found = [paired_differences([table])[0].test for one in (rows, graded, seeds) for table in tabulate(one).values()]
    assert found == ["mcnemar", "permutation", "bootstrap"]


def test_cases_that_share_a_document_are_permuted(world):
    """Right/wrong scores of cases in groups are no case for McNemar, and four documents can't be significant."""
    rows = world.rows({"base/zero-shot": {"s": world.hits(0, 40)}, "full/rag": {"s": world.hits(40, 40)}})
    groups = {("s", row.case): f"document-{int(row.case[-4:]) // 10}" for row in rows}
    [alone] = paired_differences(list(tabulate(rows).values()))
    [grouped] = paired_differences(list(tabulate(rows, groups).values()))
    assert (alone.test, alone.verdict) == ("mcnemar", "a")
    assert (grouped.test, grouped.p, grouped.detectable) == ("permutation", 2 / 2**4, None)


def test_few_equal_answers_are_no_tie(world):
    """Twenty cases that two variants answer alike leave unknown which is better; two hundred show that they tie."""
    for cases, verdict in ((20, "unknown"), (200, "tie")):
        rows = world.rows({name: {"s": world.hits(cases // 2, cases)} for name in ("base/zero-shot", "full/rag")})
        [pair] = paired_differences(list(tabulate(rows).values()))
        assert (pair.verdict, pair.p) == (verdict, 1)


def test_what_is_detectable_takes_the_family_into_account(world):
    """The more variants are compared on a split, the larger a difference must be to be seen."""
    few = paired_differences([_table(world, base_zero_shot=40, full_rag=60)])
    many = paired_differences([_table(world, base_zero_shot=40, full_rag=60, lora_rag=50, dora_rag=45, prefix_rag=41)])
    assert few[0].detectable < many[0].detectable < 0.5


def test_who_is_compared_was_chosen_by_the_scores(world):
    """Four variants make six couples, of which any could have been compared: the least p is multiplied by six."""
    pairs = paired_differences([_table(world, base_zero_shot=40, full_rag=52, lora_rag=45, dora_rag=42)])
    least = min(pairs, key=lambda pair: pair.p)
    assert len(pairs) == 5
    assert least.p_adjusted == pytest.approx(6 * least.p, abs=1e-5)


def test_q_runs_over_all_tables(world):
    """q is Benjamini and Hochberg's over all pairs of all tables, p_adjusted Holm's within one."""
    tables = [_table(world, base_zero_shot=40, full_rag=48), _table(world, base_zero_shot=40, full_rag=80)]
    first, second = paired_differences(tables)
    assert (first.p_adjusted, second.p_adjusted) == (first.p, second.p)
    assert first.q == pytest.approx(first.p, abs=1e-6)
    assert second.q == pytest.approx(2 * second.p, abs=1e-6)


@pytest.mark.parametrize(
    ("cases", "won"),
    [(6, 6), (7, 7), (8, 8), (10, 9)],
    ids=["six of six", "seven of seven", "eight of eight", "nine against one"],
)
def test_no_pair_is_significant_whose_interval_holds_nothing(world, cases, won):
    """McNemar's p of a handful of cases is below 0.05 where the interval holds 0; then the interval's own p counts."""
    losing = [0.0] * won + [1.0] * (cases - won)
    rows = world.rows({"base/zero-shot": {"s": losing}, "full/rag": {"s": [1 - hit for hit in losing]}})
    [pair] = paired_differences(list(tabulate(rows).values()))
    assert mcnemar_p(won, cases - won) < 0.05
    assert pair.low <= 0 <= pair.high
    assert min(pair.p, pair.p_adjusted, pair.q) >= 0.05
    assert (pair.test, pair.verdict) == ("mcnemar", "unknown")


@pytest.mark.parametrize("cases", [12, 60])
def test_where_the_interval_leaves_nothing_out_the_test_counts(world, cases):
    """A p of an exact test beside an interval that holds no 0 is that of the test."""
    rows = world.rows({"base/zero-shot": {"s": world.hits(0, cases)}, "full/rag": {"s": world.hits(12, cases)}})
    [pair] = paired_differences(list(tabulate(rows).values()))
    assert pair.low > 0
    assert pair.p == pytest.approx(mcnemar_p(12, 0), abs=1e-6)
    assert pair.verdict == "a"
