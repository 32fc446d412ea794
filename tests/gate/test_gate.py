from dataclasses import replace

import pytest
from rich.console import Console

from harness.comparison import BaseReference, SplitReference, SuiteReference
from harness.errors import InputError
from harness.gate import Rule, Rules, explanation, gate, render_gate

CELLS = Rules(rules=(Rule(margin=0.15),))


def _text(result):
    console = Console(width=100, no_color=True)
    with console.capture() as capture:
        console.print(render_gate(result), soft_wrap=True)
    return capture.get()


def _accepts(result):
    return [obstacle.accept for obstacle in result.obstacles]


def test_a_run_passes_against_itself(store, scores):
    """The same scores pass: each variant's mean over the splits, and each variant on each split."""
    folder = store("run", scores)
    result = gate(folder, folder)
    assert (result.outcome, result.passed) == ("pass", True)
    assert [(check.rule, len(check.splits)) for check in result.checks] == [(1, 2)] * 2 + [(2, 1)] * 4


def test_a_fall_that_is_shown_fails(store, scores, world):
    """Twenty points less on one split fail there and in the mean, told with interval and p, and nowhere else."""
    worse = {**scores, "base/rag-3": {"in_domain": world.hits(60), "paraphrase": world.hits(75)}}
    result = gate(store("run", worse), store("baseline", scores))
    assert (result.outcome, result.passed) == ("fail", False)
    failed = [check for check in result.checks if check.outcome == "fail"]
    assert [(check.variant, check.splits) for check in failed] == [
        ("base/rag-3", ["in_domain", "paraphrase"]),
        ("base/rag-3", ["in_domain"]),
    ]
    assert failed[1].low < failed[1].value == -0.2 < failed[1].high < 0
    assert "FAIL base/rag-3 on in_domain, exact match: 80.0% to 60.0%, -20.0 points (" in _text(result)
    assert "shown to have fallen, p < 0.001" in _text(result)


def test_too_few_cases_can_not_tell(store, world):
    """Two of thirty answers worse show neither a fall nor its absence: power and needed cases are told."""
    before, after = ({"base/zero-shot": {"in_domain": world.hits(right, of=30)}} for right in (20, 18))
    folders = store("run", after), store("baseline", before)
    result = gate(*folders, CELLS)
    assert (result.outcome, result.passed) == ("unknown", False)
    [check] = result.checks
    assert 0 < check.power < 0.8
    assert check.cases_needed > 30
    told = _text(result)
    assert "CANNOT TELL base/zero-shot on in_domain" in told
    assert f"With 30 cases it passes with a probability of {check.power:.0%} if nothing changed" in told
    assert f"{check.cases_needed} cases would pass with 80%" in told
    assert gate(*folders, CELLS, on_unknown="pass").passed


def test_a_rise_passes(store, scores, world):
    """A variant that got better passes."""
    run = {**scores, "base/rag-3": {"in_domain": world.hits(100), "paraphrase": world.hits(75)}}
    assert gate(store("run", run), store("baseline", scores)).outcome == "pass"


def test_a_largest_drop_lets_a_smaller_one_pass(store, scores, world):
    """Ten points of a hundred cases are a fall that is shown, and allowed where fifteen may be lost."""
    run = {**scores, "base/rag-3": {"in_domain": world.hits(70), "paraphrase": world.hits(75)}}
    folders = store("run", run), store("baseline", scores)
    assert gate(*folders, Rules(rules=(Rule(margin=0.2),))).outcome == "fail"
    assert gate(*folders, Rules(rules=(Rule(margin=0.2, max_drop=0.15),))).outcome == "pass"
    assert gate(*folders, Rules(rules=(Rule(max_drop=0.02),))).outcome == "fail"


@pytest.mark.parametrize(("floor", "outcome"), [(0.7, "pass"), (0.79, "unknown"), (0.9, "fail")])
def test_a_floor_holds_the_score_itself(store, scores, floor, outcome):
    """80 of 100 are shown to lie above 0.7 and below 0.9; whether above 0.79, nobody can tell."""
    folder = store("run", scores)
    rules = Rules(rules=(Rule(variants="*/rag-3", splits="in_domain", floor=floor),))
    assert gate(folder, folder, rules).outcome == outcome


def test_rules_choose_by_variant_split_kind_and_metric(store, scores):
    """Only what the patterns match is checked, a split by its name or its kind."""
    folder = store("run", scores)
    rules = Rules(rules=(Rule(variants="!base/zero-shot", splits="shifted", metrics="exact_*", margin=0.1),))
    [check] = gate(folder, folder, rules).checks
    assert (check.variant, check.splits) == ("base/rag-3", ["paraphrase"])


def test_a_rule_that_speaks_of_nothing_is_an_error(store, scores):
    """A rule with a wrong name would pass in silence; all such are told, with the names there are."""
    folder = store("run", scores)
    rules = Rules(rules=(Rule(variants="full/*", margin=0.1), Rule(splits="noisy", floor=0.5), Rule(margin=0.1)))
    with pytest.raises(InputError, match=r"rule 1: .*\nrule 2: .*\n.*base/rag-3.*paraphrase.*exact_match"):
        gate(folder, folder, rules)


def _seeded(world, *right):
    """Rows of one variant, with that many right answers of 100 in each seed."""
    return [
        row
        for seed, count in enumerate(right)
        for row in world.rows({"full/zero-shot": {"in_domain": world.hits(count)}}, seed=seed)
    ]


def test_runs_with_several_seeds_are_paired_by_seed(store, world):
    """Seeds far apart hide no fall that all of them show, and a run passes against itself."""
    baseline = store("baseline", _seeded(world, 50, 70, 90))
    assert gate(baseline, baseline).outcome == "pass"
    assert gate(store("run", _seeded(world, 35, 55, 75)), baseline).outcome == "fail"


def test_seeds_that_disagree_can_not_tell(store, world):
    """Retrained, one seed falls by forty points, one is the same and one rises: that is how training varies."""
    baseline, run = store("baseline", _seeded(world, 80, 60, 60)), store("run", _seeded(world, 40, 60, 70))
    result = gate(run, baseline)
    assert result.outcome == "unknown"
    assert {check.cases_needed for check in result.checks} == {None}


def test_a_run_with_one_seed_meets_the_same_seed(store, world):
    """One seed against three is held against its like: nothing changed, so nothing is worse."""
    baseline = store("baseline", _seeded(world, 50, 70, 90))
    assert {check.value for check in gate(store("run", _seeded(world, 50)), baseline).checks} == {0}


def test_cases_of_one_document_fall_together(store, world):
    """Three documents of ten wrong answers are no proof of a fall, thirty wrong answers of thirty documents are."""
    before, after = ({"base/zero-shot": {"in_domain": world.hits(right)}} for right in (90, 60))
    groups = {f"case-{place:04}": f"document-{place // 10}" for place in range(100)}
    assert gate(store("alone", after), store("was", before), CELLS).outcome == "fail"
    together = gate(store("run", after, groups=groups), store("baseline", before, groups=groups), CELLS)
    assert together.outcome == "unknown"


def test_all_reasons_against_comparing_are_told_at_once(store, scores, world):
    """Another suite, base, wording and metric, a missing variant and cases: six reasons, each with what accepts it."""
    run = {"base/zero-shot": {"in_domain": world.hits(20)[:-5], "paraphrase": world.hits(20)}}
    changes = {
        "suite": SuiteReference(name="tiny", hash="07he2", template="new"),
        "base": BaseReference(model="llama-2", hash="07he2", parameters=1),
        "metrics": {"exact_match": "normalise:2"},
    }
    result = gate(store("run", run, **changes), store("baseline", scores))
    assert (result.outcome, result.passed) == ("not comparable", False)
    assert _accepts(result) == [
        *("suite", "base", "template", "metric exact_match", "variant base/rag-3", "cases in_domain"),
    ]
    told = explanation(result)
    assert (
        "lacks the cases 'case-0095', 'case-0096', 'case-0097' and 2 more in the run; --accept 'cases in_domain'"
        in told
    )
    accepted = gate(store("run", run, **changes), store("baseline", scores), accept=_accepts(result))
    assert accepted.outcome == "pass"
    assert sum(sentence.startswith("Accepted: ") for sentence in accepted.summary) == 6


def test_a_model_by_another_path_is_the_same(store, scores):
    """What a base is called doesn't matter where its files are the same: a run from another machine is comparable."""
    elsewhere = BaseReference(model="/elsewhere/llama", hash="ba5e", parameters=1_000)
    assert gate(store("run", scores, base=elsewhere), store("baseline", scores)).passed


def test_what_is_missing_is_not_comparable(store, scores, world):
    """A split, a variant on one split, and a metric that are missing are three reasons, and not passed over."""
    baseline = [*world.rows(scores), *world.rows(scores, metric="token_f1")]
    run = [row for row in baseline if row.split == "in_domain" and row.metric == "exact_match"]
    result = gate(store("run", run), store("baseline", baseline))
    assert _accepts(result) == ["metric token_f1", "split paraphrase"]
    half = [row for row in baseline if (row.variant, row.split) != ("base/rag-3", "paraphrase")]
    assert _accepts(gate(store("half", half), store("all", baseline))) == ["variant base/rag-3"]


@pytest.mark.parametrize(("unscored", "outcome"), [(2, "pass"), (3, "not comparable")])
def test_newly_unscored_cases_are_not_comparable(store, scores, world, unscored, outcome):
    """Invariant 4: over two points more unscored cases stop the gate, though no scored case got worse."""
    values = [*world.hits(80)[:-unscored], *[None] * unscored]
    folders = (
        store("run", {**scores, "base/rag-3": {"in_domain": values, "paraphrase": world.hits(75)}}),
        store("b", scores),
    )
    result = gate(*folders)
    assert result.outcome == outcome
    if outcome != "pass":
        assert _accepts(result) == ["unscored base/rag-3"]
        assert gate(*folders, accept=["unscored base/rag-3"]).outcome == "pass"
        assert gate(*folders, Rules(unscored_rise=0.1)).outcome == "pass"


def test_runs_without_a_common_seed_are_compared_only_if_accepted(store, world):
    """Other seeds than the baseline's are told; accepted, the means over the seeds meet."""
    other = [replace(row, seed=7) for row in _seeded(world, 50)]
    folders = store("run", other), store("baseline", _seeded(world, 50, 50))
    assert _accepts(gate(*folders)) == ["seeds full/zero-shot"]
    assert gate(*folders, accept=["seeds full/zero-shot"]).outcome == "pass"


def test_accepting_what_is_no_difference_is_told(store, scores):
    """A word that --accept doesn't know is an error; what wasn't needed is told."""
    folder = store("run", scores)
    with pytest.raises(InputError, match=r"'tempalte', 'variant'.*Known: suite, base, template, metric NAME"):
        gate(folder, folder, accept=["tempalte", "variant"])
    assert "Accepted without need: template." in gate(folder, folder, accept=["template"]).summary


def test_more_than_the_baseline_is_comparable(store, scores):
    """A run may hold variants that the baseline lacks; that they aren't checked is told."""
    result = gate(store("run", scores), store("baseline", {"base/zero-shot": scores["base/zero-shot"]}))
    assert {check.variant for check in result.checks} == {"base/zero-shot"}
    assert "Not in the baseline, so not checked: base/rag-3." in result.summary


def test_a_baseline_without_scores_is_not_passed(store):
    """A gate that would check nothing says so instead of passing."""
    empty = store("baseline", {})
    with pytest.raises(InputError, match="no scores that could be checked"):
        gate(empty, empty)


def test_the_primary_metric_decides(store, scores, world):
    """The default looks at the metric that the suite names for a split."""
    rows = [*world.rows(scores), *world.rows(scores, metric="token_f1")]
    splits = [
        SplitReference(name="in_domain", kind="in-domain", n=100, primary="token_f1"),
        SplitReference(name="paraphrase", kind="shifted", n=100),
    ]
    folder = store("run", rows, splits=splits)
    metrics = [check.metric for check in gate(folder, folder).checks if check.variant == "base/rag-3"]
    assert metrics == ["primary", "token_f1", "exact_match"]
