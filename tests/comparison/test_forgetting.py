import pytest

from harness.comparison.findings.forgetting import forgetting
from harness.comparison.findings.pairs import paired_differences


def _forgetting(evidence):
    return forgetting(evidence, paired_differences(list(evidence.tables.values()), margin=evidence.margin))


def test_a_loss_is_negative(world, evidence):
    """The change is the variant's mean minus that of base/zero-shot, and worse if it is surely negative."""
    scores = {"base/zero-shot": {"retention": world.hits(90)}, "full/zero-shot": {"retention": world.hits(60)}}
    (found,) = _forgetting(evidence(world.rows(scores)))
    assert (found.variant, found.split, found.verdict) == ("full/zero-shot", "retention", "worse")
    assert found.change.value == pytest.approx(-0.3)
    assert found.change.low < -0.3 < found.change.high < 0
    assert found.p_adjusted < 0.001


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [(0, "tie"), (+30, "better"), (-30, "worse"), (-4, "unknown")],
)
def test_verdicts(world, evidence, changed, verdict):
    """No change is a tie only where equivalence is shown; where neither is shown, it is unknown."""
    scores = {
        "base/zero-shot": {"retention": world.hits(50)},
        "lora/zero-shot": {"retention": world.hits(50 + changed)},
    }
    (found,) = _forgetting(evidence(world.rows(scores)))
    assert found.verdict == verdict


def test_the_margin_decides_what_is_a_tie(world, evidence):
    """A small loss is a tie where the margin is wide."""
    scores = {"base/zero-shot": {"retention": world.hits(50)}, "lora/zero-shot": {"retention": world.hits(48)}}
    narrow, wide = (_forgetting(evidence(world.rows(scores), margin=margin))[0].verdict for margin in (0.03, 0.2))
    assert (narrow, wide) == ("unknown", "tie")


def test_the_variants_of_a_split_are_one_family(world, evidence):
    """With three variants alike the adjusted p is three times that of one alone, whatever else is compared."""
    base = {"base/zero-shot": {"retention": world.hits(50)}}
    changed = {f"{name}/zero-shot": {"retention": world.hits(43)} for name in "abc"}
    (alone,) = _forgetting(evidence(world.rows({**base, "a/zero-shot": changed["a/zero-shot"]})))
    together = _forgetting(evidence(world.rows({**base, **changed})))
    assert [found.p_adjusted for found in together] == pytest.approx([3 * alone.p_adjusted] * 3, abs=1e-5)


def test_cases_are_paired(world, evidence):
    """Only cases that both have scored count."""
    scores = {
        "base/zero-shot": {"retention": [1.0, 1.0, None, 1.0]},
        "full/zero-shot": {"retention": [1.0, 0.0, 0.0, None]},
    }
    (found,) = _forgetting(evidence(world.rows(scores)))
    assert found.change.value == -0.5


def test_seeds_count_in(world, evidence):
    """The change is averaged over the seeds, and seeds that disagree make it less sure."""
    base = world.rows({"base/zero-shot": {"retention": world.hits(90)}})
    trained = [row for seed, right in enumerate((50, 60, 70)) for row in _trained(world, right, seed)]
    alike = [row for seed in range(3) for row in _trained(world, 60, seed)]
    (wild,), (calm,) = (_forgetting(evidence([*base, *rows])) for rows in (trained, alike))
    assert wild.change.value == pytest.approx(calm.change.value) == pytest.approx(-0.3)
    assert wild.change.high - wild.change.low > 1.5 * (calm.change.high - calm.change.low)


def _trained(world, right, seed):
    return world.rows({"full/zero-shot": {"retention": world.hits(right)}}, seed=seed)


@pytest.mark.parametrize(
    "scores",
    [
        {"full/zero-shot": {"retention": [1.0]}},
        {"base/zero-shot": {"retention": [1.0]}},
        {"base/zero-shot": {"in_domain": [1.0]}, "full/zero-shot": {"in_domain": [1.0]}},
        {"base/zero-shot": {"retention": [1.0, None]}, "full/zero-shot": {"retention": [None, 1.0]}},
    ],
    ids=["no base", "base alone", "no retention split", "nothing in common"],
)
def test_nothing_to_compare(world, evidence, scores):
    """Without a common retention case of the base and another one nothing is said."""
    assert _forgetting(evidence(world.rows(scores))) == []
