import pytest

from harness.comparison import Mean
from harness.comparison.findings.interpolation import alpha_paths


def _validated(**values):
    """Validation scores of full/zero-shot by alpha, written as `a05` for 0.5."""
    names = {"base": "base/zero-shot", "full": "full/zero-shot"}
    return {
        names.get(name, f"full@{name[1]}.{name[2:]}/zero-shot"): Mean(value=value, low=value, high=value)
        for name, value in values.items()
    }


def _scores(world, retained=(90, 85, 50), right=(10, 60, 60)):
    """Base, one point between and trained on splits of each kind; so many percent of 400 cases are right."""
    names = ("base/zero-shot", "full@0.5/zero-shot", "full/zero-shot")
    return {
        name: {
            "in_domain": world.hits(4 * r, of=400),
            "paraphrase": world.hits(2 * r, of=400),
            "retention": world.hits(4 * kept, of=400),
        }
        for name, r, kept in zip(names, right, retained, strict=True)
    }


def test_a_path_goes_from_base_to_trained(world, evidence):
    """Alpha 0 is the base, 1 the trained weights, each with its macro mean on every kind of split."""
    (path,) = alpha_paths(evidence(world.rows(_scores(world))), {})
    assert (path.recipe, path.context) == ("full", "zero-shot")
    assert [(point.alpha, point.variant) for point in path.points] == [
        (0.0, "base/zero-shot"),
        (0.5, "full@0.5/zero-shot"),
        (1.0, "full/zero-shot"),
    ]
    assert [point.in_domain.value for point in path.points] == pytest.approx([0.1, 0.6, 0.6])
    assert [point.shifted.value for point in path.points] == pytest.approx([0.05, 0.3, 0.3])
    assert [point.retention.value for point in path.points] == pytest.approx([0.9, 0.85, 0.5])
    assert path.points[1].in_domain.low < 0.6 < path.points[1].in_domain.high


def test_splits_of_a_kind_are_averaged(world, evidence):
    """A point's mean is that over the splits of its kind, each with the same weight; None where there is no such."""
    rows = world.rows({"full@0.5/zero-shot": {"paraphrase": [1.0, 1.0], "noise": [0.0, 0.0, 0.0, 0.0]}})
    ((point,),) = (path.points for path in alpha_paths(evidence(rows), {}))
    assert point.shifted.value == 0.5
    assert (point.in_domain, point.retention, point.validation) == (None, None, None)


def test_each_recipe_and_context_has_its_path(world, evidence):
    """Chains are recipes of their own, contexts aren't mixed, and what has no point between has no path."""
    names = (
        *("base/zero-shot", "base/rag-3", "lora/zero-shot", "lora@0.25/rag-3", "lora/rag-3"),
        *("full>lora@0.5/zero-shot", "full>lora/zero-shot", "full/zero-shot"),
    )
    paths = alpha_paths(evidence(world.rows({name: {"in_domain": [1.0]} for name in names})), {})
    assert [(path.recipe, path.context, [point.variant for point in path.points]) for path in paths] == [
        ("lora", "rag-3", ["base/rag-3", "lora@0.25/rag-3", "lora/rag-3"]),
        ("full>lora", "zero-shot", ["base/zero-shot", "full>lora@0.5/zero-shot", "full>lora/zero-shot"]),
    ]


def test_best_and_soup_are_no_points(world, evidence):
    """What has no number for alpha stands on no path."""
    names = ("base/zero-shot", "full@best/zero-shot", "full@soup/zero-shot", "full/zero-shot")
    assert alpha_paths(evidence(world.rows({name: {"in_domain": [1.0]} for name in names})), {}) == []


def test_validation_chooses(world, evidence):
    """The chosen alpha has the highest validation score, whatever the test splits say."""
    (path,) = alpha_paths(evidence(world.rows(_scores(world))), _validated(base=0.2, a05=0.6, full=0.7))
    assert path.chosen == 1.0
    assert [point.validation.value for point in path.points] == [0.2, 0.6, 0.7]


def test_of_equal_alphas_the_least_is_chosen(world, evidence):
    """Where validation can't tell two points apart, the one nearer to the base is chosen."""
    (path,) = alpha_paths(evidence(world.rows(_scores(world))), _validated(base=0.2, a05=0.6, full=0.6))
    assert path.chosen == 0.5


def test_nothing_is_chosen_without_validation(world, evidence):
    """Test splits never choose."""
    (path,) = alpha_paths(evidence(world.rows(_scores(world))), {})
    assert (path.chosen, path.dominates) == (None, [])


def test_dominance_is_shown_on_every_kind_of_split(world, evidence):
    """The middle equals the trained end and keeps more, so it dominates that; the base keeps more than the middle."""
    (path,) = alpha_paths(evidence(world.rows(_scores(world))), _validated(a05=0.6))
    assert path.chosen == 0.5
    assert path.dominates == [1.0]


def test_what_cannot_be_told_is_not_dominated(world, evidence):
    """A point that may be better in domain by more than the margin is not dominated, and neither is an equal one."""
    (unsure,) = alpha_paths(evidence(world.rows(_scores(world, right=(10, 60, 62)))), _validated(a05=0.6))
    (equal,) = alpha_paths(evidence(world.rows(_scores(world, retained=(90, 50, 50)))), _validated(a05=0.6))
    assert (unsure.dominates, equal.dominates) == ([], [])


def test_a_split_without_the_chosen_one_proves_nothing(world, evidence):
    """A point that wasn't scored on one kind of split neither dominates nor is dominated."""
    scores = _scores(world)
    scores["full/zero-shot"]["paraphrase"] = [None] * 400
    (path,) = alpha_paths(evidence(world.rows(scores)), _validated(a05=0.6))
    assert path.points[2].shifted is None
    assert path.dominates == []


def test_several_seeds(world, evidence):
    """With seeds, points are averages over them, and the base meets them all."""
    trained = {name: scores for name, scores in _scores(world).items() if not name.startswith("base")}
    base = {"base/zero-shot": _scores(world)["base/zero-shot"]}
    rows = [*world.rows(base), *(row for seed in range(3) for row in world.rows(trained, seed=seed))]
    (path,) = alpha_paths(evidence(rows), _validated(a05=0.6))
    assert path.points[1].in_domain.value == pytest.approx(0.6)
    assert path.dominates == [1.0]
