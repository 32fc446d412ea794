import pytest

from harness.comparison import Comparison, Failure, Mean, Trial
from harness.reporting import report


def trial(number: int, rate: float, learnt: float, kept: float, **more) -> Trial:
    means = {"validation": Mean(value=learnt, low=0, high=1), "retention": Mean(value=kept, low=0, high=1)}
    settings = {"training.learning_rate": rate, "settings.rank": 8}
    return Trial(recipe="lora", number=number, settings=settings, learning_rate=rate, epochs=3, **{**means, **more})


@pytest.fixture
def comparison(world) -> Comparison:
    """A comparison with three trials of one recipe, a variant with a chosen alpha, and one that failed."""
    made = world.compare(world.rows({"base/zero-shot": {"s": world.hits(20)}, "full/zero-shot": {"s": world.hits(60)}}))
    trials = [
        trial(0, 1e-2, 1.0, 0.3),
        trial(1, 1e-4, 1.0, 0.9, chosen=True),
        trial(2, 10.0, 0, 0, validation=None, retention=None, failure="training: the loss is nan | at step 2"),
    ]
    variants = [made.variants[0], made.variants[1].model_copy(update={"chosen": "alpha 0.4"})]
    failures = [Failure(variant="dora/zero-shot", reason="dora: these must hold and don't: <b>")]
    return made.model_copy(update={"trials": trials, "variants": variants, "failures": failures})


def test_trials_stand_in_the_order_of_their_learning_rates(comparison):
    """What was learnt stands beside what was kept, with intervals, from the lowest learning rate on."""
    rows = [line for line in report(comparison).splitlines() if "settings.rank 8" in line]
    assert [row.split(" | ")[0] for row in rows] == ["| 0.0001", "| 0.01", "| 10"]
    assert "100.0% (0.0 to 100.0) | 90.0% (0.0 to 100.0)" in rows[0]
    assert rows[0].endswith("chosen |")
    assert "failed | -" in rows[2]
    assert "nan \\| at step" in rows[2]


def test_what_validation_chose_is_told(comparison):
    """The alpha that @best stands for is in the report."""
    assert "## Chosen by validation\n\n- `full/zero-shot`: alpha 0.4" in report(comparison)


def test_what_failed_comes_before_the_scores(comparison):
    """A variant that could not be scored is told with its reason, as text."""
    text = report(comparison)
    assert text.index("## Failed") < text.index("## Scores")
    assert "- `dora/zero-shot`: dora: these must hold and don't: \\<b\\>" in text


def test_without_trials_there_is_no_section(world):
    """A plain comparison says nothing of tuning."""
    text = report(world.compare(world.rows({"base/zero-shot": {"s": world.hits(20)}})))
    assert "Learning against forgetting" not in text
    assert "Chosen by validation" not in text
    assert "## Failed" not in text
