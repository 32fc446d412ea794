import re
from dataclasses import replace

import pytest

from harness.comparison import REFERENCE_VARIANT
from harness.comparison.verdict.decide import redecide


def _decided(world, rows, **changes):
    """The comparison of `rows`, decided upon without constraints."""
    return redecide(world.compare(rows, **changes), rows, {})


def _decide(world, scores, **changes):
    return _decided(world, world.rows(scores), **changes).decision


def test_a_clear_leader_is_recommended(world):
    """Who is significantly above all others is recommended, with its lead and the interval of it."""
    decision = _decide(
        world,
        {
            REFERENCE_VARIANT: {"in_domain": world.hits(5), "paraphrase": world.hits(5)},
            "base/rag-3": {"in_domain": world.hits(50), "paraphrase": world.hits(50)},
            "full/zero-shot": {"in_domain": world.hits(95), "paraphrase": world.hits(85)},
        },
    )
    assert decision.recommended == "full/zero-shot"
    assert decision.sentence.startswith("Use full/zero-shot: 90.0% (95% interval ")
    assert "+40.0 points (" in decision.sentence


def test_splits_weigh_the_same(world):
    """A split with ten times the cases has no more say in the average."""
    decision = _decide(
        world,
        {
            "full/zero-shot": {"in_domain": world.hits(400, 400), "paraphrase": world.hits(0, 40)},
            "base/rag-3": {"in_domain": world.hits(260, 400), "paraphrase": world.hits(36, 40)},
        },
    )
    assert decision.recommended == "base/rag-3"
    assert "77.5%" in decision.sentence


def test_of_tied_variants_the_untrained_wins(world):
    """A tie is called a tie and goes to the variant that needs no training, even if it costs more otherwise."""
    scores = {
        "base/a-much-longer-name": {"in_domain": world.hits(400, 500)},
        "full/rag-3": {"in_domain": world.hits(402, 500)},
    }
    decision = _decide(world, scores)
    assert decision.recommended == "base/a-much-longer-name"
    assert decision.ties == ["full/rag-3"]
    assert "a tie with the leader, full/rag-3, at -0.4 points" in decision.sentence


def test_what_cannot_be_told_from_the_leader_is_no_tie(world):
    """A simpler variant that is neither shown to be worse nor to be equal is named, and not recommended."""
    decision = _decide(
        world, {"base/rag-3": {"in_domain": _scattered(39, 60)}, "full/rag-3": {"in_domain": world.hits(40, 60)}}
    )
    assert decision.recommended == "full/rag-3"
    assert (decision.ties, decision.beats, decision.unknown) == ([], [], ["base/rag-3"])
    assert decision.sentence.endswith("the highest, though base/rag-3 can't be told from it.")
    assert "takes about" in decision.cannot_tell[0]
    assert any("or more base/rag-3 would tie" in change for change in decision.would_change)


def test_a_shown_loss_within_the_margin_is_a_tie(world):
    """Ten of 2,000 cases are a significant loss and within three points: who is simpler is recommended."""
    scores = {
        "base/rag-3": {"in_domain": world.hits(1600, 2000)},
        "full/rag-3": {"in_domain": world.hits(1610, 2000)},
    }
    decision = _decide(world, scores)
    assert decision.recommended == "base/rag-3"
    assert decision.ties == ["full/rag-3"]


def test_without_a_retention_split_nothing_is_said_of_keeping(world):
    """Where no split tells what the base knew, the base gets no credit for keeping it, in words or otherwise."""
    cases = {"in_domain": world.hits(400, 500)}
    decision = _decide(world, {REFERENCE_VARIANT: cases, "base/rag-3": cases})
    assert decision.recommended == REFERENCE_VARIANT
    assert "what the base knew" not in " ".join([decision.sentence, *decision.reasons])


def test_the_clock_does_not_choose_between_tied_variants(world):
    """Of tied variants that cost the same to build and as many tokens to ask, the higher mean wins, however fast."""
    names = ("full@0.5/rag-3", "full@0.7/rag-3")
    slow_and_fast = [
        world.cost(name).model_copy(update={"seconds_per_query": seconds})
        for name, seconds in zip(names, (0.02, 0.01), strict=True)
    ]
    for right, winner in ((401, names[0]), (399, names[1])):
        scores = {names[0]: {"in_domain": world.hits(right, 500)}, names[1]: {"in_domain": world.hits(400, 500)}}
        assert _decide(world, scores, costs=slow_and_fast).recommended == winner


def test_those_that_keep_what_the_base_knew_come_first(world):
    """A significant loss on retention counts against a leader that isn't shown to be better."""
    decision = _decide(
        world,
        {
            REFERENCE_VARIANT: {"in_domain": world.hits(5), "retention": world.hits(90)},
            "full/rag": {"in_domain": world.hits(81), "retention": world.hits(40)},
            "full@0.5/rag-3": {"in_domain": world.hits(80), "retention": world.hits(89)},
        },
    )
    assert decision.recommended == "full@0.5/rag-3"
    assert any("Lost significantly on retention: full/rag -50.0 points" in reason for reason in decision.reasons)
    assert "against the leader, full/rag, but the one not shown to lose what the base knew" in decision.sentence
    assert any("If it did not count what the base knew: full/rag" in change for change in decision.would_change)


def test_where_none_keeps_it_those_that_lose_least_are_left(world):
    """If all lose on retention, the highest is recommended of those that aren't shown to lose more than another."""
    for kept, winner, why in (
        (39, "full/rag-3", "the highest, though"),
        (70, "lora/rag", "but the one that loses least of what the base knew"),
    ):
        decision = _decide(
            world,
            {
                REFERENCE_VARIANT: {"in_domain": world.hits(5), "retention": world.hits(90)},
                "full/rag-3": {"in_domain": world.hits(81), "retention": world.hits(40)},
                "lora/rag": {"in_domain": world.hits(80), "retention": world.hits(kept)},
            },
        )
        assert decision.recommended == winner
        assert why in decision.sentence


def test_too_many_unscored_cases_exclude_a_variant(world):
    """Invariant 4: six of a hundred cases unscored exclude even the best, and the reasons say so; five don't."""
    others = {"base/rag-3": {"in_domain": world.hits(50)}}
    for unscored, winner in ((6, "base/rag-3"), (5, "full/rag-3")):
        scores: list[float | None] = [None] * unscored + [1.0] * (100 - unscored)
        decision = _decide(world, {**others, "full/rag-3": {"in_domain": scores}})
        assert decision.recommended == winner
        assert any("6.0% of in_domain is unscored" in reason for reason in decision.reasons) is (unscored == 6)


def test_nothing_scored_gives_no_recommendation(world):
    """Without an eligible variant nothing is recommended, and the sentence says so."""
    decision = _decide(world, {"base/rag-3": {"in_domain": [None, None]}})
    assert decision.recommended == ""
    assert decision.sentence.startswith("No recommendation")


def test_one_variant_is_not_called_the_best(world):
    """A lone variant gets its figure and no comparison."""
    decision = _decide(world, {REFERENCE_VARIANT: {"in_domain": world.hits(50)}})
    assert decision.recommended == REFERENCE_VARIANT
    assert "nothing to compare it with" in decision.sentence


def _scattered(right: int, of: int) -> list[float]:
    """Scores of `of` cases of which the last `right` are 1: others than the first ones."""
    return [0.0] * (of - right) + [1.0] * right


@pytest.mark.parametrize("best", [30, 52, 95])
def test_no_claim_without_an_interval(world, best):
    """Invariant 7: every difference and every mean in sentence and reasons is followed by its interval."""
    decision = _decide(
        world,
        {
            REFERENCE_VARIANT: {"in_domain": world.hits(5), "retention": world.hits(90)},
            "base/rag-3": {"in_domain": world.hits(50), "retention": world.hits(90)},
            "full/zero-shot": {"in_domain": world.hits(best), "retention": world.hits(40)},
        },
    )
    for text in (decision.sentence, *decision.reasons):
        for claim in re.finditer(r"-?\d+\.\d(%| points)", text):
            assert re.match(r" \((95% interval )?[-+]?\d+\.\d to [-+]?\d+\.\d", text[claim.end() :]), text


def test_stale_answers_are_told_with_their_rate(world):
    """The stale rate of the recommended and of the most stale variant stand among the reasons."""
    scores = {"base/rag-3": {"in_domain": world.hits(90)}, "full/zero-shot": {"in_domain": world.hits(20)}}
    stale = {"base/rag-3": {"in_domain": world.hits(2)}, "full/zero-shot": {"in_domain": world.hits(70)}}
    decision = _decided(world, [*world.rows(scores), *world.rows(stale, "stale_rate")]).decision
    [told] = [reason for reason in decision.reasons if reason.startswith("Outdated answers")]
    assert "base/rag-3 2.0%" in told
    assert "full/zero-shot 70.0%" in told


@pytest.mark.parametrize(("seeds", "told"), [(2, "over 2 seeds, which tell little"), (5, "vary over 5 seeds.")])
def test_the_reasons_say_how_many_seeds_the_intervals_cover(world, seeds, told):
    """With several seeds the intervals cover them, few are called few, and nothing says that training is left out."""
    scores = {"full/zero-shot": {"in_domain": world.hits(90)}, "lora/zero-shot": {"in_domain": world.hits(80)}}
    rows = [row for seed in range(seeds) for row in world.rows(scores, seed=seed)]
    decision = _decided(world, rows).decision
    assert told in " ".join(decision.reasons)
    assert "one seed was run" not in " ".join(decision.cannot_tell)


def test_one_seed_does_not_tell_how_training_varies(world):
    """With one seed the reasons say that it is not covered."""
    decision = _decide(world, {"full/zero-shot": {"in_domain": world.hits(90)}})
    assert "how much training varies from seed to seed (one seed was run)" in decision.cannot_tell[-1]
    assert not any("seeds" in reason for reason in decision.reasons)


def test_an_average_over_splits_keeps_the_seeds_together(world):
    """Seeds that are better or worse on all splits alike widen the average; cases alone would hide it."""
    rows = world.rows({REFERENCE_VARIANT: {split: world.hits(60) for split in ("in_domain", "paraphrase")}})
    for seed, right in enumerate((55, 65, 78)):
        rows += world.rows({"full/zero-shot": {s: world.hits(right) for s in ("in_domain", "paraphrase")}}, seed=seed)
    assert _decided(world, rows).decision.unknown == [REFERENCE_VARIANT]
    one_training = [replace(row, value=float(int(row.case[-4:]) < 66)) for row in rows if row.seed == 0]
    base = [row for row in rows if row.variant == REFERENCE_VARIANT]
    fixed = [*base, *(row for row in one_training if row.variant == "full/zero-shot")]
    assert _decided(world, fixed).decision.beats == [REFERENCE_VARIANT]


def test_a_handful_of_cases_that_all_agree_shows_nothing(world):
    """Nobody is called significantly better whose interval holds 0, though not one case says otherwise."""
    splits = ("in_domain", "paraphrase")
    scores = {"base/zero-shot": world.hits(0, 5), "base/rag-3": world.hits(5, 5)}
    decision = world.compare(world.rows({name: dict.fromkeys(splits, hits) for name, hits in scores.items()})).decision
    assert decision.recommended == "base/rag-3"
    assert "can't be told" in decision.sentence
    assert "significantly" not in " ".join([decision.sentence, *decision.reasons])
