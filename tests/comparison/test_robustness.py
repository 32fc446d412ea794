import numpy as np
import pytest
from scipy.stats import linregress

from harness.comparison import ScoreTable
from harness.comparison.findings.robustness import effective_robustness, fit
from harness.comparison.table import Scores

BEFORE = np.array([0.12, 0.35, 0.5, 0.64, 0.81, 0.93])
AFTER = np.array([0.1, 0.22, 0.47, 0.41, 0.7, 0.72])
CASES = (np.array([100.0]), np.array([200.0]))


def _logit(scores, cases):
    right, wrong = scores * cases + 0.5, (1 - scores) * cases + 0.5
    return np.log(right / wrong)


def _tables(evidence, rows, split="paraphrase"):
    found = evidence(rows).tables
    return [found["in_domain", "exact_match"]], found[split, "exact_match"]


def _scores(world, pairs, of=100):
    return {
        f"v{place}/zero-shot": {"in_domain": world.hits(before, of), "paraphrase": world.hits(after, of)}
        for place, (before, after) in enumerate(pairs)
    }


def test_the_line_is_that_of_least_squares():
    """Slope, intercept and explained share are those of scipy's linear regression on empirical logits."""
    found = fit(BEFORE, AFTER, cases=CASES)
    oracle = linregress(_logit(BEFORE, 100), _logit(AFTER, 200))
    assert found.slope == pytest.approx(oracle.slope, rel=1e-12)
    assert found.intercept == pytest.approx(oracle.intercept, rel=1e-12)
    assert found.r_squared == pytest.approx(oracle.rvalue**2, rel=1e-12)


def test_robustness_is_the_distance_from_the_line():
    """It is the shifted score minus the one that has, with its half cases, the logit on the line."""
    found = fit(BEFORE, AFTER, cases=CASES)
    on_line = found.intercept + found.slope * _logit(BEFORE, 100)
    predicted = (201 / (1 + np.exp(-on_line)) - 0.5) / 200
    assert found.robustness == pytest.approx(AFTER - predicted, abs=1e-12)


@pytest.mark.parametrize("moved", range(len(BEFORE)))
def test_the_derivatives_are_those_of_the_fit(moved):
    """Moving one score moves every variant's robustness as the derivatives say."""
    step = 1e-6 * np.eye(len(BEFORE))[moved]
    found = fit(BEFORE, AFTER, cases=CASES)
    by_before = fit(BEFORE + step, AFTER, cases=CASES).robustness - fit(BEFORE - step, AFTER, cases=CASES).robustness
    by_after = fit(BEFORE, AFTER + step, cases=CASES).robustness - fit(BEFORE, AFTER - step, cases=CASES).robustness
    assert found.by_before[:, moved] == pytest.approx(by_before / 2e-6, abs=1e-7)
    assert found.by_after[:, moved] == pytest.approx(by_after / 2e-6, abs=1e-7)


def test_none_and_all_right_have_a_logit():
    """Scores of 0 and 1 enter the fit with half a case right and half a case wrong, as all do."""
    before, after = np.array([0.0, 0.5, 1.0]), np.array([0.0, 0.4, 1.0])
    found = fit(before, after, cases=CASES)
    logits = [np.log(0.5 / 100.5), 0.0, np.log(100.5 / 0.5)]
    oracle = linregress(logits, _logit(after, 200))
    assert (found.slope, found.intercept) == pytest.approx((oracle.slope, oracle.intercept))


@pytest.mark.parametrize("strange", [-0.1, 1.1])
def test_what_is_no_share_has_no_line(strange):
    """Scores outside 0 to 1 have no logit, and none is made up."""
    assert fit(np.array([0.2, 0.4, 0.6]), np.array([0.1, 0.2, strange]), cases=CASES) is None


def test_two_points_make_no_line():
    """Two different in-domain scores, however many variants have them, are too few."""
    assert fit(np.array([0.2, 0.4, 0.4]), np.array([0.1, 0.2, 0.3]), cases=CASES) is None


def test_equal_shifted_scores_lie_on_a_level_line():
    """Where all variants score alike under shift, the line is level and explains everything."""
    found = fit(np.array([0.2, 0.4, 0.6]), np.array([0.3, 0.3, 0.3]), cases=CASES)
    assert (found.slope, found.r_squared) == pytest.approx((0, 1), abs=1e-9)
    assert found.robustness == pytest.approx([0, 0, 0], abs=1e-12)


def test_who_falls_as_predicted_has_none(world, evidence):
    """Where every variant keeps its score, all are on the line: none is robust, however high it stands."""
    names = list(scores := _scores(world, [(20, 20), (50, 50), (80, 80)]))
    line, found = effective_robustness(names, *_tables(evidence, world.rows(scores)))
    assert (line.slope, line.intercept, line.r_squared) == pytest.approx((1, 0, 1))
    assert [mean.value for mean in found] == pytest.approx([0, 0, 0])


def test_the_interval_is_that_of_a_direct_bootstrap(world, evidence):
    """The bounds are within 1.5 points of those of refitting the line to resampled cases, in which it moves too."""
    random = np.random.default_rng(7)
    abilities = np.linspace(-1.5, 2, 6)
    before, after = (
        (random.random((6, 400)) < 1 / (1 + np.exp(harder + random.normal(size=400) - abilities[:, None]))).astype(
            float
        )
        for harder in (0, 1)
    )
    scores = {f"v{v}/zero-shot": {"in_domain": before[v], "paraphrase": after[v]} for v in range(6)}
    _, found = effective_robustness(list(scores), *_tables(evidence, world.rows(scores)))
    draws = [(random.integers(400, size=400), random.integers(400, size=400)) for _ in range(3000)]
    refitted = [
        fit(before[:, i].mean(axis=1), after[:, j].mean(axis=1), cases=(np.array([400.0]), np.array([400.0])))
        for i, j in draws
    ]
    bounds = np.quantile([each.robustness for each in refitted], [0.025, 0.975], axis=0)
    assert [mean.low for mean in found] == pytest.approx(bounds[0], abs=0.015)
    assert [mean.high for mean in found] == pytest.approx(bounds[1], abs=0.015)


def test_the_interval_holds_the_truth():
    """Over 300 samples of 100 cases a split, half of them hard ones, 93 to 97% of the intervals hold the truth."""
    random = np.random.default_rng(11)
    abilities, bonus = np.linspace(-1, 2, 6), np.array([0, 0.8, -0.5, 0, 0.5, 0])
    chances = [1 / (1 + np.exp(-(skill[:, None] + [1.0, -1.0]))) for skill in (abilities, abilities - 1 + bonus)]
    many = np.array([1e12])
    truth = fit(*(chance.mean(axis=1) for chance in chances), cases=(many, many)).robustness
    held = []
    for _ in range(300):
        before, after = (_sampled(random, chance, start) for start, chance in enumerate(chances))
        _, found = effective_robustness(list(before.variants), [before], after)
        held += [mean.low <= true <= mean.high for mean, true in zip(found, truth, strict=True)]
    assert 0.93 <= np.mean(held) <= 0.97


def _sampled(random, chances, start):
    """100 answers of each variant; `chances` `(variants, 2)` of being right on an easy case and on a hard one."""
    right = random.random((len(chances), 100)) < chances[:, random.integers(2, size=100)]
    scores = {f"v{place}": Scores((0,), answers[:, None].astype(float)) for place, answers in enumerate(right)}
    cases = tuple(f"{case:03}" for case in range(100))
    return ScoreTable(f"split {start}", "exact_match", cases, np.arange(100) + 100 * start, scores)


def test_seeds_that_disagree_widen_the_interval(world, evidence):
    """A variant whose seeds fall by different amounts is less surely above the line."""
    steady = [(20, 15), (50, 40), (80, 60)]
    rows = {
        spread: [
            row
            for seed, better in enumerate((-spread, 0, spread))
            for row in world.rows(_scores(world, [*steady, (60, 55 + better)]), seed=seed)
        ]
        for spread in (0, 15)
    }
    names = list(dict.fromkeys(row.variant for row in rows[0]))
    calm, wild = (effective_robustness(names, *_tables(evidence, rows[spread]))[1][3] for spread in (0, 15))
    assert calm.value == pytest.approx(wild.value, abs=1e-6)
    assert wild.high - wild.low > 1.5 * (calm.high - calm.low)


def test_one_seed_meets_all_seeds(world, evidence):
    """A variant in which nothing is drawn lies on one line with those of several seeds."""
    rows = world.rows(_scores(world, [(20, 15)]))
    others = {f"w{place}": scores for place, scores in enumerate(_scores(world, [(50, 40), (80, 70)]).values())}
    rows += [row for seed in (0, 1, 2) for row in world.rows(others, seed=seed)]
    line, found = effective_robustness(["v0/zero-shot", "w0", "w1"], *_tables(evidence, rows))
    assert (line.variants, len(found)) == (3, 3)


def test_unscored_cases_move_nothing(world, evidence):
    """Cases that are unscored in one variant leave its mean, and the line, where the others put them."""
    scores = _scores(world, [(20, 15), (50, 45), (80, 60)])
    complete, _ = effective_robustness(list(scores), *_tables(evidence, world.rows(scores)))
    for splits in scores.values():
        splits["in_domain"] = [*splits["in_domain"], *[None] * 100]
    holes, found = effective_robustness(list(scores), *_tables(evidence, world.rows(scores)))
    assert (holes.slope, holes.intercept) == (complete.slope, complete.intercept)
    assert all(mean.low < mean.value < mean.high for mean in found)


def test_cases_of_one_group_are_one(world, evidence):
    """Four copies of each case, in one group, tell no more than the one does; apart they would halve the interval."""
    scores = _scores(world, [(8, 6), (20, 16), (32, 26)], of=40)
    copied = {
        variant: {split: [value for value in values for _ in range(4)] for split, values in splits.items()}
        for variant, splits in scores.items()
    }
    rows = world.rows(copied)
    groups = {(row.split, row.case): f"{row.split} {int(row.case[-4:]) // 4}" for row in rows}
    _, once = effective_robustness(list(scores), *_tables(evidence, world.rows(scores)))
    _, apart = effective_robustness(list(scores), *_tables(evidence, rows))
    grouped = evidence(rows, groups=groups).tables
    _, together = effective_robustness(
        list(scores), [grouped["in_domain", "exact_match"]], grouped["paraphrase", "exact_match"]
    )
    widths = [[mean.high - mean.low for mean in found] for found in (once, apart, together)]
    assert widths[1] == pytest.approx(np.array(widths[0]) / 2, rel=0.1)
    assert widths[2] == pytest.approx(widths[0], rel=0.1)


def test_seeds_that_no_two_share_make_no_line(world, evidence):
    """Variants that were trained with different seeds alone can't be put on one line seed by seed."""
    rows = [
        row
        for place, scores in enumerate(_scores(world, [(20, 15), (50, 40), (80, 60)]).values())
        for seed in (2 * place, 2 * place + 1)
        for row in world.rows({f"v{place}": scores}, seed=seed)
    ]
    assert effective_robustness(["v0", "v1", "v2"], *_tables(evidence, rows)) is None
