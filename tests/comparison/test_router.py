import pytest

from harness.comparison.findings.router import routers


def test_the_oracle_takes_the_better_of_each_case(world, evidence):
    """It reaches the mean of the higher scores, and gains what that is above the better variant."""
    scores = {
        "base/rag-3": {"in_domain": [1.0, 1.0, 0.0, 0.0, 1.0]},
        "full/zero-shot": {"in_domain": [0.0, 1.0, 1.0, 0.0, 0.0]},
    }
    (found,) = routers(evidence(world.rows(scores)))
    assert (found.retrieving, found.tuned) == ("base/rag-3", "full/zero-shot")
    assert found.mean.value == pytest.approx(0.8)
    assert found.gain.value == pytest.approx(0.2)
    assert found.gain.low >= 0
    assert found.steady is None


def test_splits_have_the_same_weight(world, evidence):
    """Mean and gain are macro means; the better one is so over all deciding splits, and retention doesn't decide."""
    scores = {
        "base/rag-3": {"in_domain": [1.0, 0.0], "paraphrase": [1.0] * 4, "retention": [0.0]},
        "full/zero-shot": {"in_domain": [1.0, 1.0], "paraphrase": [0.0] * 4, "retention": [1.0]},
    }
    (found,) = routers(evidence(world.rows(scores)))
    assert found.mean.value == pytest.approx(1.0)
    assert found.gain.value == pytest.approx((1 + 1) / 2 - (0.5 + 1) / 2)


def test_the_best_of_each_kind_are_asked(world, evidence):
    """Of the base's retrieving variants and of the fine-tuned closed-book ones the best; never one that does both."""
    scores = {
        "base/zero-shot": {"in_domain": [1.0, 1.0, 1.0]},
        "base/rag-1": {"in_domain": [1.0, 0.0, 0.0]},
        "base/rag-3+few-shot-2": {"in_domain": [1.0, 1.0, 0.0]},
        "lora/rag-3": {"in_domain": [1.0, 1.0, 1.0]},
        "lora/zero-shot": {"in_domain": [0.0, 0.0, 0.0]},
        "full@0.5/few-shot-4": {"in_domain": [0.0, 0.0, 1.0]},
    }
    (found,) = routers(evidence(world.rows(scores)))
    assert (found.retrieving, found.tuned) == ("base/rag-3+few-shot-2", "full@0.5/few-shot-4")


def test_only_common_cases_count(world, evidence):
    """A case that one of the two left unscored has no better answer."""
    scores = {"base/rag-3": {"in_domain": [1.0, None, 0.0]}, "full/zero-shot": {"in_domain": [0.0, 1.0, None]}}
    (found,) = routers(evidence(world.rows(scores)))
    assert (found.mean.value, found.gain.value) == (1.0, 0.0)


def _repeated(world, seeds):
    """One retrieving variant that is right on the first case of two, and a tuned one with these scores seed by seed."""
    rows = world.rows({"base/rag-3": {"in_domain": [1.0, 0.0]}})
    tuned = [world.rows({"full/zero-shot": {"in_domain": scores}}, seed=seed) for seed, scores in enumerate(seeds)]
    return [*rows, *(row for of_seed in tuned for row in of_seed)]


def test_a_gain_that_every_seed_brings_is_steady(world, evidence):
    """Where all seeds know the same case, choosing by the others loses nothing."""
    (found,) = routers(evidence(_repeated(world, [[0.0, 1.0]] * 3)))
    assert found.gain.value == found.steady.value == 0.5


def test_a_gain_by_luck_is_not_steady(world, evidence):
    """Where one seed knows what the other doesn't, the oracle gains, and who knows only the other seed does not.

    Seed 0 of the tuned model knows the second case, seed 1 the first one, as retrieval does: the oracle gains one
    answer of four. By seed 1 the two are equal on both cases, so the better of the two is asked. By seed 0 the tuned
    one is asked the second case, which it gets wrong in seed 1.
    """
    (found,) = routers(evidence(_repeated(world, [[0.0, 1.0], [1.0, 0.0]])))
    assert found.gain.value == pytest.approx(0.25)
    assert found.steady.value == 0


def test_equal_variants_give_half_of_what_they_disagree_on(world, evidence):
    """Two variants of one mean that disagree on 40% of the cases let an oracle gain 20 points, whatever the reason."""
    scores = {
        "base/rag-3": {"in_domain": [1.0] * 30 + [1.0] * 20 + [0.0] * 20 + [0.0] * 30},
        "full/zero-shot": {"in_domain": [1.0] * 30 + [0.0] * 20 + [1.0] * 20 + [0.0] * 30},
    }
    (found,) = routers(evidence(world.rows(scores)))
    assert found.gain.value == pytest.approx(0.2)
    assert found.gain.low > 0


@pytest.mark.parametrize(
    "scores",
    [
        {"base/rag-3": {"in_domain": [1.0]}, "full/rag-3": {"in_domain": [1.0]}},
        {"base/zero-shot": {"in_domain": [1.0]}, "full/zero-shot": {"in_domain": [1.0]}},
        {"base/rag-3": {"in_domain": [1.0]}, "full/zero-shot": {"paraphrase": [1.0]}},
        {"base/rag-3": {"in_domain": [1.0, None]}, "full/zero-shot": {"in_domain": [None, 1.0]}},
    ],
    ids=["none tuned alone", "none retrieves", "other splits", "other cases"],
)
def test_no_pair_no_router(world, evidence, scores):
    """Without two such variants on the same cases there is nothing to route between."""
    assert routers(evidence(world.rows(scores))) == []
