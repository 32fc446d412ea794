import pytest
from rich.console import Console

from harness.comparison import BaseReference, SuiteReference, write_comparison, write_rows
from harness.errors import NotComparableError
from harness.gate import Rules, gate, render_gate


@pytest.fixture
def store(world, tmp_path):
    """Writes a run of the given scores and returns its folder."""

    def write(name, scores, **changes):
        rows = scores if isinstance(scores, list) else world.rows(scores)
        write_rows(rows, tmp_path / name)
        write_comparison(world.compare(rows, **changes), tmp_path / name)
        return tmp_path / name

    return write


@pytest.fixture
def scores(world):
    return {
        "base/zero-shot": {"in_domain": world.hits(20), "paraphrase": world.hits(20)},
        "base/rag-3": {"in_domain": world.hits(80), "paraphrase": world.hits(75)},
    }


def _text(result, width=100):
    console = Console(width=width, no_color=True)
    with console.capture() as capture:
        console.print(render_gate(result))
    return capture.get()


def test_a_run_passes_against_itself(store, scores):
    """The same scores are no regression; every variant, split and metric of the baseline is checked."""
    folder = store("run", scores)
    result = gate(folder, folder)
    assert result.outcome == "pass"
    assert [check.finding for check in result.checks] == ["same"] * 4


def test_a_significant_fall_is_a_regression(store, scores, world):
    """A fall of twenty points on one split is a regression there, told with its interval, and nowhere else."""
    worse = {**scores, "base/rag-3": {"in_domain": world.hits(60), "paraphrase": world.hits(75)}}
    result = gate(store("run", worse), store("baseline", scores))
    assert result.outcome == "regression"
    [failed] = [check for check in result.checks if check.failed]
    assert (failed.variant, failed.split, failed.finding) == ("base/rag-3", "in_domain", "worse")
    assert failed.low < failed.difference == -0.2 < failed.high < 0
    assert "WORSE base/rag-3 on in_domain, exact match: 80.0% to 60.0%, -20.0 points (" in _text(result)


def test_noise_is_not_a_regression(store, scores, world):
    """Two cases fewer of a hundred is within what luck does."""
    run = {**scores, "base/rag-3": {"in_domain": world.hits(78), "paraphrase": world.hits(75)}}
    assert gate(store("run", run), store("baseline", scores)).outcome == "pass"


def test_a_rise_is_better_and_passes(store, scores, world):
    """An improvement is told and passes."""
    run = {**scores, "base/rag-3": {"in_domain": world.hits(100), "paraphrase": world.hits(75)}}
    result = gate(store("run", run), store("baseline", scores))
    assert result.outcome == "pass"
    assert "BETTER base/rag-3 on in_domain" in _text(result)


@pytest.mark.parametrize(("unscored", "outcome"), [(2, "pass"), (3, "regression")])
def test_newly_unscored_cases_are_a_regression(store, scores, world, unscored, outcome):
    """Invariant 4: over two points more unscored cases fail the gate, though no scored case got worse."""
    values: list[float | None] = [*world.hits(80)[:-unscored], *[None] * unscored]
    run = {**scores, "base/rag-3": {"in_domain": values, "paraphrase": world.hits(75)}}
    result = gate(store("run", run), store("baseline", scores))
    assert result.outcome == outcome
    assert ("UNSCORED base/rag-3 on in_domain, exact match: 3 of 100" in _text(result)) is (unscored == 3)


def test_rules_can_be_loosened(store, scores, world):
    """What the rules tolerate isn't a regression."""
    values: list[float | None] = [*world.hits(80)[:-10], *[None] * 10]
    run = {**scores, "base/rag-3": {"in_domain": values, "paraphrase": world.hits(75)}}
    folders = store("run", run), store("baseline", scores)
    assert gate(*folders, Rules(unscored_rise=0.1)).outcome == "pass"


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
    result = gate(store("run", _seeded(world, 40, 60, 80)), baseline)
    assert result.outcome == "regression"
    assert "paired by case and seed (3 seeds that both runs have)" in result.summary[1]


def test_a_fall_that_seeds_disagree_about_is_no_regression(store, world):
    """Retrained, one seed falls by forty points, one is the same and one rises: that is how training varies."""
    baseline, run = store("baseline", _seeded(world, 80, 60, 60)), store("run", _seeded(world, 40, 60, 70))
    assert gate(run, baseline).outcome == "pass"


def test_a_run_with_one_seed_meets_the_same_seed(store, world):
    """One seed against three is held against its like: nothing changed, so nothing is worse."""
    baseline = store("baseline", _seeded(world, 50, 70, 90))
    [check] = gate(store("run", _seeded(world, 50)), baseline).checks
    assert (check.difference, check.low, check.high) == (0, 0, 0)


def test_runs_without_a_common_seed_are_not_comparable(store, world):
    """A run with other seeds than the baseline's has nothing that could be paired."""
    other = [row.model_copy(update={"seed": 7}) for row in _seeded(world, 50)]
    with pytest.raises(NotComparableError, match="no seed in common: 7 in the run, 0, 1 in the baseline"):
        gate(store("run", other), store("baseline", _seeded(world, 50, 60)))


def test_all_reasons_against_comparing_are_told_at_once(store, scores, world):
    """Another suite, another base, a missing variant and missing cases are one error with four reasons."""
    run = {"base/zero-shot": {"in_domain": world.hits(20)[:-5], "paraphrase": world.hits(20)}}
    changes = {
        "suite": SuiteReference(name="tiny", hash="07he2"),
        "base": BaseReference(model="llama-2", hash="07he2", parameters=1),
    }
    with pytest.raises(NotComparableError) as error:
        gate(store("run", run, **changes), store("baseline", scores))
    told = str(error.value)
    assert "the suites differ" in told
    assert "the base models differ" in told
    assert "variant 'base/rag-3' is missing" in told
    assert "lacks the cases 'case-0095', 'case-0096', 'case-0097' and 2 more" in told
    assert told.count("  - ") == 4


def test_a_missing_split_is_not_comparable(store, scores):
    """A split of the baseline that the run lacks is told once."""
    run = {variant: {"in_domain": splits["in_domain"]} for variant, splits in scores.items()}
    with pytest.raises(NotComparableError, match="split 'paraphrase' is missing") as error:
        gate(store("run", run), store("baseline", scores))
    assert str(error.value).count("  - ") == 1


def test_more_than_the_baseline_is_comparable(store, scores):
    """A run may hold variants that the baseline lacks; they aren't checked."""
    baseline = {"base/zero-shot": scores["base/zero-shot"]}
    result = gate(store("run", scores), store("baseline", baseline))
    assert {check.variant for check in result.checks} == {"base/zero-shot"}


def test_a_baseline_without_scores_is_not_passed(store, world):
    """A gate that would check nothing says so instead of passing."""
    empty = store("baseline", {})
    with pytest.raises(NotComparableError, match="no scores that could be checked"):
        gate(empty, empty)


def test_hostile_names_are_shown_as_text(store, scores, world):
    """Rich markup and terminal escapes in a name neither style nor break the output."""
    hostile = "[red]\x1b[31mx/zero-shot"
    run, baseline = {hostile: {"in_domain": world.hits(10)}}, {hostile: {"in_domain": world.hits(90)}}
    text = _text(gate(store("run", run), store("baseline", baseline)))
    assert "[red]?[31mx/zero-shot" in text
