import pytest

from harness.comparison.findings.shift import shift


def test_a_fall_is_positive(world, evidence):
    """The drop is the in-domain mean minus the shifted one, inside its interval, and significant if it is large."""
    rows = world.rows({"full/zero-shot": {"in_domain": world.hits(80), "paraphrase": world.hits(50)}})
    ((found,), _) = shift(evidence(rows))
    assert (found.variant, found.split) == ("full/zero-shot", "paraphrase")
    assert found.drop.value == pytest.approx(0.3)
    assert 0 < found.drop.low < 0.3 < found.drop.high
    assert found.p_adjusted < 0.001


def test_in_domain_splits_have_the_same_weight(world, evidence):
    """The fall is from the macro mean of the in-domain splits, whatever their sizes."""
    scores = {"in_domain": world.hits(80), "second": world.hits(12, of=20), "paraphrase": world.hits(50)}
    ((found,), _) = shift(evidence(world.rows({"full/zero-shot": scores}), kinds={"second": "in-domain"}))
    assert found.drop.value == pytest.approx((0.8 + 0.6) / 2 - 0.5)


def test_every_variant_and_shifted_split_has_a_drop(world, evidence):
    """Drops come split by split, in the order of the variants."""
    scores = {"in_domain": world.hits(8, of=10), "paraphrase": world.hits(7, of=10), "noise": world.hits(6, of=10)}
    drops, _ = shift(evidence(world.rows({"base/rag-3": scores, "full/zero-shot": scores})))
    assert [(drop.split, drop.variant) for drop in drops] == [
        ("paraphrase", "base/rag-3"),
        ("paraphrase", "full/zero-shot"),
        ("noise", "base/rag-3"),
        ("noise", "full/zero-shot"),
    ]


def test_the_variants_of_a_split_are_one_family(world, evidence):
    """With three variants alike the adjusted p is three times that of one alone."""
    scores = {"in_domain": world.hits(62), "paraphrase": world.hits(46)}
    ((alone,), _) = shift(evidence(world.rows({"a/zero-shot": scores})))
    together, _ = shift(evidence(world.rows({f"{name}/zero-shot": scores for name in "abc"})))
    assert 0.001 < alone.p_adjusted < 0.1
    assert [drop.p_adjusted for drop in together] == pytest.approx([3 * alone.p_adjusted] * 3, abs=1e-5)


def test_shared_documents_narrow_the_interval(world, evidence):
    """Where the cases of two splits ask about the same documents, those are drawn together and the drop is surer."""
    scores = {"in_domain": world.hits(85), "paraphrase": world.hits(84)}
    rows = world.rows({"base/rag-3": scores})
    ((apart,), _) = shift(evidence(rows))
    ((together,), _) = shift(evidence(rows, groups={(row.split, row.case): row.case for row in rows}))
    assert together.drop.value == apart.drop.value
    assert together.drop.high - together.drop.low < (apart.drop.high - apart.drop.low) / 2


def test_the_same_seeds_answer_on_both_splits(world, evidence):
    """A seed that is ten points better on both splits makes the drop no less sure."""
    rows = [
        row
        for seed, better in enumerate((-10, 0, 10))
        for row in world.rows(
            {"full/zero-shot": {"in_domain": world.hits(70 + better), "paraphrase": world.hits(40 + better)}}, seed=seed
        )
    ]
    ((found,), _) = shift(evidence(rows))
    ((alone,), _) = shift(evidence([row for row in rows if row.seed == 1]))
    assert found.drop.value == pytest.approx(alone.drop.value)
    assert found.drop.high - found.drop.low < 1.01 * (alone.drop.high - alone.drop.low)


def test_unscored_cases_are_left_out(world, evidence):
    """A case without a score makes no drop."""
    scores = {"in_domain": [1.0, 1.0, None], "paraphrase": [1.0, None, 1.0]}
    ((found,), _) = shift(evidence(world.rows({"full/zero-shot": scores})))
    assert found.drop.value == 0


def test_who_has_no_scored_case_has_no_drop(world, evidence):
    """A variant that was scored on one of the splits only is left out; the others aren't."""
    whole = {"in_domain": [1.0, 0.0], "paraphrase": [0.0, 0.0]}
    scores = {"full/zero-shot": whole, "lora/zero-shot": {**whole, "in_domain": [None, None]}}
    drops, _ = shift(evidence(world.rows(scores)))
    assert [drop.variant for drop in drops] == ["full/zero-shot"]


def test_a_split_without_scores_has_no_drops(world, evidence):
    """Where nothing could be scored under shift, there is neither a drop nor a line."""
    scores = {"in_domain": [1.0, 0.0], "paraphrase": [None, None]}
    assert shift(evidence(world.rows({"full/zero-shot": scores}))) == ([], [])


def test_without_in_domain_splits_nothing_falls(world, evidence):
    """A run of shifted and retention splits alone has neither drops nor lines."""
    scores = {"paraphrase": world.hits(50), "retention": world.hits(50)}
    assert shift(evidence(world.rows({"full/zero-shot": scores}))) == ([], [])


def test_two_metrics_have_no_difference(world, evidence):
    """A split that another metric decides than the in-domain ones is not compared with them."""
    rows = world.rows({"full/zero-shot": {"in_domain": world.hits(50)}})
    rows += world.rows({"full/zero-shot": {"paraphrase": world.hits(20)}}, "accuracy")
    assert shift(evidence(rows)) == ([], [])


def test_robustness_comes_with_three_variants(world, evidence):
    """Two variants have no line; of three, each drop says how far above the line it ends."""
    scores = {
        f"{name}/zero-shot": {"in_domain": world.hits(before), "paraphrase": world.hits(after)}
        for name, before, after in (("a", 20, 15), ("b", 50, 45), ("c", 80, 60))
    }
    drops, (line,) = shift(evidence(world.rows(scores)))
    assert all(drop.robustness is not None for drop in drops)
    assert (line.split, line.variants) == ("paraphrase", 3)
    del scores["a/zero-shot"]
    drops, lines = shift(evidence(world.rows(scores)))
    assert lines == []
    assert [drop.robustness for drop in drops] == [None, None]
