import re

import pytest

from harness.comparison import Comparison, Drop, Mean, Prices, ScoreRow
from harness.comparison.verdict.constraints import Constraints
from harness.comparison.verdict.decide import redecide
from harness.errors import InputError

PLENTY = 500


def _rows(world, right: dict[str, int], retention: dict[str, int] | None = None) -> list[ScoreRow]:
    """Rows of variants that get so many of 500 cases `right` in domain, and so many of 500 on retention."""
    scores = {name: {"in_domain": world.hits(count, PLENTY)} for name, count in right.items()}
    for name, count in (retention or {}).items():
        scores[name]["retention"] = world.hits(count, PLENTY)
    return world.rows(scores)


def _decided(world, rows, *requirements, use=(None, None), prices=None, costs=None, **changes) -> Comparison:
    names = dict.fromkeys(row.variant for row in rows)
    changed = [world.cost(name).model_copy(update=(costs or {}).get(name, {})) for name in names]
    comparison = world.compare(rows, costs=changed).model_copy(update=changes)
    return redecide(comparison, rows, {}, constraints=Constraints(tuple(requirements), *use), prices=prices)


def test_who_fails_a_requirement_is_not_recommended(world):
    """The leader gives way to one that meets it; the sentence names the requirement, and what would be without it."""
    rows = _rows(world, {"base/rag-3": 300, "full/zero-shot": 450})
    costs = {"base/rag-3": {"p95_seconds": 0.2}, "full/zero-shot": {"p95_seconds": 0.8}}
    decided = _decided(world, rows, "p95_seconds <= 0.5", costs=costs)
    decision = decided.decision
    assert decision.recommended == "base/rag-3"
    assert decision.sentence.startswith("Use base/rag-3, which meets p95_seconds <= 0.5: 60.0% (")
    assert decision.would_change[0].startswith("Without p95_seconds <= 0.5: full/zero-shot, at 90.0% (")
    assert decision.constraints == ["p95_seconds <= 0.5"]
    [standing] = [one for one in decided.standings if one.variant == "full/zero-shot"]
    assert standing.excluded == "p95_seconds <= 0.5 is not met"


def test_every_variant_is_held_against_every_requirement(world):
    """Value, interval and outcome of each: a score has an interval, a cost none, and what is unmeasured no value."""
    rows = _rows(world, {"base/rag-3": 300, "full/zero-shot": 450})
    found = _decided(world, rows, "in_domain >= 80%", "p95_seconds <= 1", costs={"base/rag-3": {"p95_seconds": 0.2}})
    checks = {(c.variant, c.requirement): c for c in found.decision.requirements}
    assert len(checks) == 4
    score = checks["full/zero-shot", "in_domain >= 80%"]
    assert (score.value, score.outcome, score.kind) == (0.9, "met", "score")
    assert 0.8 < score.low < 0.9 < score.high
    [cell] = [cell for cell in found.cells if cell.variant == "full/zero-shot"]
    assert (score.low, score.high) == (cell.low, cell.high)
    assert checks["base/rag-3", "in_domain >= 80%"].outcome == "not met"
    cost = checks["base/rag-3", "p95_seconds <= 1"]
    assert (cost.value, cost.low, cost.high, cost.outcome) == (0.2, None, None, "met")
    unmeasured = checks["full/zero-shot", "p95_seconds <= 1"]
    assert (unmeasured.value, unmeasured.outcome) == (None, "cannot tell")


def test_who_surely_meets_a_requirement_goes_before_who_may(world):
    """A variant of which it can't be told stands back and is named, though it leads."""
    rows = _rows(world, {"base/rag-3": 300, "full/zero-shot": 450})
    decided = _decided(world, rows, "p95_seconds <= 0.5", costs={"base/rag-3": {"p95_seconds": 0.2}})
    assert decided.decision.recommended == "base/rag-3"
    assert "Whether p95_seconds <= 0.5 holds: full/zero-shot, not measured." in decided.decision.cannot_tell
    assert decided.standings[1].excluded == "it can't be told whether all requirements are met"
    assert "the only one sure to meet what is required, while it can't be told whether full/zero-shot would" in (
        decided.decision.sentence
    )
    [change] = [told for told in decided.decision.would_change if told.startswith("If every requirement were met")]
    assert "full/zero-shot, at 90.0% (" in change


def test_where_none_surely_meets_it_that_is_said(world):
    """A variant that may meet a requirement is recommended where none is sure to, with that reservation."""
    rows = _rows(world, {"base/rag-3": 390, "full/zero-shot": 405})
    decision = _decided(world, rows, "in_domain >= 0.8").decision
    assert decision.recommended == "full/zero-shot"
    assert "though it can't be told whether it meets in_domain >= 0.8" in decision.sentence


def test_where_all_fail_nothing_is_recommended(world):
    """No recommendation, and the requirement that all fail; without it there would be one."""
    rows = _rows(world, {"base/rag-3": 300, "full/zero-shot": 350})
    decision = _decided(world, rows, "in_domain >= 0.99", "quality >= 0.5").decision
    assert decision.recommended == ""
    assert decision.sentence.startswith("No recommendation: every variant that could be judged is shown not to meet")
    assert decision.would_change[0].startswith("Without in_domain >= 0.99: full/zero-shot")


@pytest.mark.parametrize(("limit", "winner"), [("30%", "full/zero-shot"), ("0.02", "base/rag-3")])
def test_a_drop_in_retention_can_be_required(world, limit, winner):
    """Ten of 100 points lost against the base are within 30 and not within 2; the base itself has lost nothing."""
    rows = _rows(
        world,
        {"base/zero-shot": 20, "base/rag-3": 300, "full/zero-shot": 450},
        {"base/zero-shot": 450, "base/rag-3": 450, "full/zero-shot": 400},
    )
    decision = _decided(world, rows, f"retention_drop <= {limit}").decision
    assert decision.recommended == winner
    drops = {check.variant: check for check in decision.requirements}
    assert (drops["base/zero-shot"].low, drops["base/zero-shot"].high) == (0, 0)
    assert drops["full/zero-shot"].value == pytest.approx(0.1)


def test_a_drop_under_shift_can_be_required(world):
    """`SPLIT_drop` is the drop that the comparison records, with its interval."""
    scores = {"full/zero-shot": {"in_domain": world.hits(90), "paraphrase": world.hits(60)}}
    drop = Drop(variant="full/zero-shot", split="paraphrase", drop=Mean(value=0.3, low=0.2, high=0.4), p_adjusted=0.001)
    found = _decided(world, world.rows(scores), "paraphrase_drop <= 0.1", drops=[drop])
    [check] = found.decision.requirements
    assert (check.value, check.low, check.high, check.outcome) == (0.3, 0.2, 0.4, "not met")


def test_another_metric_of_a_split_can_be_required(world):
    """`SPLIT.METRIC` is that metric's mean."""
    rows = [*_rows(world, {"base/rag-3": 400}), *world.rows({"base/rag-3": {"in_domain": [0.25] * PLENTY}}, "token_f1")]
    [check] = _decided(world, rows, "in_domain.token_f1 <= 0.3").decision.requirements
    assert (check.value, check.outcome) == (0.25, "met")


def test_an_unknown_name_is_told(world):
    """A requirement that names nothing in the comparison is an error with the nearest name."""
    with pytest.raises(InputError, match="Did you mean 'in_domain'"):
        _decided(world, _rows(world, {"base/rag-3": 400}), "in_domian >= 0.8")


TIED = {"base/rag-3": 400, "full/zero-shot": 402}
RUNNING = {
    "base/rag-3": {"seconds_per_query": 0.01, "build_seconds": 4.0, "index_seconds": 4.0},
    "full/zero-shot": {"seconds_per_query": 0.002, "build_seconds": 20.0, "train_seconds": 20.0},
}


@pytest.mark.parametrize(
    ("use", "winner", "change"),
    [
        ((1_000, 1), "base/rag-3", "With fewer than 0.5 updates a month or from 2,000 queries a month, full/zero-shot"),
        ((10_000, 1), "full/zero-shot", "With more than 5 updates a month or up to 2,000 queries a month, base/rag-3"),
        (
            (10_000, 10),
            "base/rag-3",
            "With fewer than 5 updates a month or from 20,000 queries a month, full/zero-shot",
        ),
        ((10_000, 0), "full/zero-shot", "With more than 5 updates a month, base/rag-3"),
    ],
)
def test_of_tied_variants_the_cheaper_at_the_stated_use_wins(world, use, winner, change):
    """8 ms less a query for 16 s more an update break even at 2,000 queries an update, and the other side is told."""
    decision = _decided(world, _rows(world, TIED), use=use, costs=RUNNING).decision
    assert decision.recommended == winner
    assert any(told.startswith(change) for told in decision.would_change)
    assert decision.sentence.startswith(f"For {use[0]:,} queries and {use[1]} update")


def test_without_a_use_the_simpler_wins_and_the_line_is_told(world):
    """Where no use is stated, the untrained one is recommended, and from where on the other one is cheaper."""
    decision = _decided(world, _rows(world, TIED), costs=RUNNING).decision
    assert decision.recommended == "base/rag-3"
    assert "From 2,000 queries for every update of the knowledge full/zero-shot is cheaper to run." in (
        decision.would_change
    )
    [told] = [reason for reason in decision.reasons if reason.startswith("Break-even: ")]
    assert "full/zero-shot is cheaper than base/rag-3 from 2,000 queries for every update on" in told
    assert "they are equally good within 3 points" in told


def test_a_cost_that_is_hardly_less_does_not_decide(world):
    """Within a tenth of the least cost the simpler one wins: the clock is no more exact."""
    costs = {**RUNNING, "full/zero-shot": {"seconds_per_query": 0.0095, "build_seconds": 4.0, "train_seconds": 4.0}}
    decision = _decided(world, _rows(world, TIED), use=(10_000, 1), costs=costs).decision
    assert decision.recommended == "base/rag-3"
    assert "as cheap as any of the 2 tied, and simpler" in decision.sentence
    assert (
        "If simplicity did not count: full/zero-shot, which costs less to run at this use, by the clock."
        in decision.would_change
    )


def test_the_clock_does_not_make_the_same_work_dearer(world):
    """A variant that does no more work than a tied one isn't dearer for having been timed at twice the seconds."""
    work = {"flops_per_query": 1e9, "index_seconds": 1.0}
    costs = {
        "base/rag-3": {**work, "seconds_per_query": 0.02, "build_seconds": 1.0},
        "full/rag-3": {**work, "seconds_per_query": 0.01, "build_seconds": 21.0, "train_seconds": 20.0},
    }
    rows = _rows(world, {"base/rag-3": 400, "full/rag-3": 402})
    decision = _decided(world, rows, use=(100_000, 1), costs=costs).decision
    assert decision.recommended == "base/rag-3"
    assert not any("full/rag-3 would be the cheaper one" in change for change in decision.would_change)
    costs["base/rag-3"]["flops_per_query"] = 2e9
    assert _decided(world, rows, use=(100_000, 1), costs=costs).decision.recommended == "full/rag-3"


def test_cost_does_not_decide_where_one_is_better(world):
    """The cheaper variant is not recommended where it is significantly worse, however cheap it is."""
    rows = _rows(world, {"base/rag-3": 400, "full/zero-shot": 300})
    decision = _decided(world, rows, use=(10**9, 0), costs=RUNNING).decision
    assert decision.recommended == "base/rag-3"
    assert any("base/rag-3 is significantly better" in reason for reason in decision.reasons)


def test_prices_are_recorded_and_decide(world):
    """With prices a month is money: what 1,000 tokens cost decides, and the comparison holds prices and amounts."""
    prices = Prices(currency="EUR", gpu_hour=3.6, million_prompt_tokens=10, update_examples=100)
    costs = {name: {**cost, "prompt_tokens_per_query": 100} for name, cost in RUNNING.items()}
    costs["full/zero-shot"]["prompt_tokens_per_query"] = 10
    decided = _decided(world, _rows(world, TIED), "month_price <= 500", use=(100_000, 1), prices=prices, costs=costs)
    assert decided.decision.recommended == "base/rag-3"
    assert decided.prices == prices
    assert [one.thousand_queries for one in decided.priced] == [1.0, 0.1]
    assert "base/rag-3 EUR 100; full/zero-shot EUR 110" in " ".join(decided.decision.reasons)
    assert [check.value for check in decided.decision.requirements] == [100.004, 110.02]


def test_no_updates_without_a_place_for_them(world):
    """Where updates are stated and nothing in the recommended variant is built from knowledge, that is told."""
    rows = _rows(world, {"base/zero-shot": 400, "base/rag-3": 300})
    decision = _decided(world, rows, use=(1000, 2)).decision
    assert "How base/zero-shot would take up 2 updates a month: nothing in it is built from the knowledge." in (
        decision.cannot_tell
    )


def test_the_frontier_is_of_those_that_no_other_beats(world):
    """On it: the best, and the cheaper ones that are better than all that cost as little; not who is out."""
    right = {"base/zero-shot": 100, "base/rag-3": 400, "lora/zero-shot": 90, "lora/rag-3": 400, "full/zero-shot": 450}
    seconds = {"base/zero-shot": 1, "base/rag-3": 3, "lora/zero-shot": 1, "lora/rag-3": 4, "full/zero-shot": 5}
    costs = {name: {"seconds_per_query": count / 1000} for name, count in seconds.items()}
    rows = _rows(world, right)
    found = _decided(world, rows, costs=costs).standings
    assert [one.variant for one in found if one.frontier] == ["base/zero-shot", "base/rag-3", "full/zero-shot"]
    assert found[1].mean.value == 0.8
    out = _decided(world, rows, "seconds_per_query < 0.005", costs=costs).standings
    assert [one.variant for one in out if one.frontier] == ["base/zero-shot", "base/rag-3"]
    assert out[-1].mean.value == 0.9


def test_deciding_again_without_constraints_changes_nothing(world):
    """A verdict that is made again from what was written down is the one that was made at first."""
    rows = _rows(world, TIED)
    first = redecide(world.compare(rows), rows, {})
    read = Comparison.model_validate_json(first.model_dump_json(by_alias=True))
    assert redecide(read, rows, {}) == first
    assert redecide(read, rows[::-1], {}) == first


def test_scores_of_another_run_are_told(world):
    """Rows of a variant that the comparison doesn't list are an error and not a crash."""
    comparison = world.compare(_rows(world, {"base/rag-3": 400}))
    with pytest.raises(InputError, match="the scores name full/zero-shot"):
        redecide(comparison, _rows(world, TIED), {})


def test_cases_that_are_not_independent_tell_less(world):
    """20 cases of one document gained and 20 of another one lost are a tie only where all cases stand alone."""
    base = world.hits(400, PLENTY)
    tuned = [*[0.0] * 20, *base[20:400], *[1.0] * 20, *base[420:]]
    rows = world.rows({"base/rag-3": {"in_domain": base}, "full/zero-shot": {"in_domain": tuned}})
    comparison = world.compare(rows)
    documents = {("in_domain", f"case-{place:04}"): f"document-{place // 50}" for place in range(PLENTY)}
    assert redecide(comparison, rows, {}).decision.ties == ["full/zero-shot"]
    assert redecide(comparison, rows, documents).decision.unknown == ["full/zero-shot"]


def test_no_claim_under_constraints_without_an_interval(world):
    """Invariant 7: what was required, what breaks even and what would change come with intervals too."""
    rows = _rows(
        world,
        {"base/zero-shot": 20, "base/rag-3": 400, "full/zero-shot": 402, "lora/zero-shot": 300},
        {"base/zero-shot": 450, "base/rag-3": 440, "full/zero-shot": 400, "lora/zero-shot": 300},
    )
    decision = _decided(
        world, rows, "in_domain >= 70%", "retention_drop <= 5%", "quality >= 0.3", use=(10_000, 1), costs=RUNNING
    ).decision
    told = [decision.sentence, *decision.reasons, *decision.would_change, *decision.cannot_tell]
    claims = [(text, claim.end()) for text in told for claim in re.finditer(r"-?\d+\.\d(%| points)", text)]
    assert len(claims) > 10
    for text, end in claims:
        assert re.match(r" \((95% interval )?[-+]?\d+\.\d to [-+]?\d+\.\d", text[end:]), text


NOTHING = {"seconds_per_query": None, "prompt_tokens_per_query": None, "generated_tokens_per_query": None}


def test_an_unknown_cost_is_never_the_cheapest(world):
    """Of tied variants one of known cost is taken; who costs nobody knows what is on no frontier and meets no limit."""
    costs = {**RUNNING, "full/zero-shot": NOTHING}
    rows = _rows(world, TIED)
    decided = _decided(world, rows, use=(10_000, 1), costs=costs)
    assert decided.decision.recommended == "base/rag-3"
    assert "those of the 2 tied of which it is known what they cost" in decided.decision.sentence
    assert [one.frontier for one in decided.standings] == [True, False]
    assert decided.break_even == []
    checks = _decided(world, rows, "prompt_tokens <= 100", "seconds_per_query < 1", costs=costs).decision.requirements
    assert {check.outcome for check in checks if check.variant == "full/zero-shot"} == {"cannot tell"}


def test_where_no_cost_is_known_none_is_called_the_cheapest(world):
    """The simplest of those that tie is taken, and that their cost isn't known is said."""
    costs = dict.fromkeys(TIED, NOTHING)
    decision = _decided(world, _rows(world, TIED), use=(10_000, 1), costs=costs).decision
    assert "the simplest of the 2 tied, of none of which it is known what it costs" in decision.sentence
    assert any(reason.endswith("; what a query takes isn't known.") for reason in decision.reasons)


def test_the_missing_price_of_a_server_is_named(world):
    """A file of prices by the hour alone can't tell what queries to a server cost, and says which prices it lacks."""
    costs = {name: {"served": True, "p50_seconds": 0.2} for name in TIED}
    decided = _decided(world, _rows(world, TIED), "thousand_queries_price < 1", prices=Prices(gpu_hour=2), costs=costs)
    assert [one.thousand_queries for one in decided.priced] == [None, None]
    assert {check.outcome for check in decided.decision.requirements} == {"cannot tell"}
    told = (
        "What a query of base/rag-3 and full/zero-shot costs: a server bills its tokens, and the file of prices lacks "
        "million_prompt_tokens and million_generated_tokens."
    )
    assert told in decided.decision.cannot_tell
    assert (
        f"How long {decided.decision.recommended} takes to answer one query alone: its server had as many requests at "
        "once as the run allowed."
    ) in decided.decision.cannot_tell
