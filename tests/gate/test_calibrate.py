import numpy as np
import pytest
from rich.console import Console

from harness.errors import InputError, NotComparableError
from harness.gate import Rules, calibrate, gate, read_snapshot, render_calibration


@pytest.fixture
def repeated(store):
    """Writes a run whose answers are drawn anew: most cases always right or wrong, a tenth of them by chance."""

    def write(name, number, luck=0.0):
        random = np.random.default_rng(number)
        chance = np.repeat([1.0, 0.0, 0.5], [100, 80, 20])
        splits = {split: list(map(float, random.random(200) < chance + luck)) for split in ("in_domain", "paraphrase")}
        return store(name, {"base/zero-shot": {s: [1.0] * 200 for s in splits}, "full/zero-shot": splits})

    return write


def test_identical_runs_pass_with_the_margins_that_are_proposed(repeated):
    """Margins that five runs propose let nearly all further ones pass."""
    proposed = calibrate([read_snapshot(repeated(f"run-{k}", k)) for k in range(5)]).rules
    baseline = repeated("baseline", 100)
    outcomes = [gate(repeated(f"new-{k}", 200 + k), baseline, proposed).outcome for k in range(20)]
    assert outcomes.count("pass") >= 18


def test_what_training_moves_is_no_regression_with_the_drop_that_is_proposed(repeated):
    """Trainings some points apart fail by the usual rules, and don't by those proposed."""
    trained = [-0.06, -0.03, 0.0, 0.03, 0.06]
    proposed = calibrate([read_snapshot(repeated(f"run-{k}", k, luck)) for k, luck in enumerate(trained)]).rules
    baseline = repeated("baseline", 100, 0.03)
    new = [repeated(f"new-{k}", 200 + k, luck) for k, luck in enumerate(trained)]
    assert [gate(run, baseline).outcome for run in new].count("fail") >= 1
    assert [gate(run, baseline, proposed).outcome for run in new].count("fail") == 0


def test_runs_that_do_not_differ_propose_what_their_cases_can_show(repeated):
    """Without any noise the margin is what as many cases show where none changes, in half points."""
    run = read_snapshot(repeated("run", 1))
    found = calibrate([run, run])
    assert [one.noisy for one in found.noise] == [0, 0]
    mean, single = found.rules.rules
    assert (mean.margin, mean.max_drop, single.max_drop) == (0.01, 0.0, 0.0)
    assert 0.015 <= single.margin <= 0.02


def test_the_noise_is_told(repeated):
    """The summary says how many checks moved, by how much, and what is proposed."""
    found = calibrate([read_snapshot(repeated(f"run-{k}", k)) for k in range(3)])
    console = Console(width=200)
    with console.capture() as capture:
        console.print(render_calibration(found), soft_wrap=True)
    assert "Rule 2, 4 checks of single splits: 2 moved, by " in capture.get()
    assert "3 runs tell little of training" in capture.get()


def test_where_nothing_is_scored_nothing_is_proposed(store):
    """Runs whose cases are all unscored leave the rules as they are, and promise nothing."""
    run = read_snapshot(store("run", {"base/zero-shot": {"in_domain": [None] * 5}}))
    found = calibrate([run, run])
    assert found.rules == Rules()
    assert found.summary[0] == "Rule 1: no case of it is scored in all runs, so it stays as it is."
    assert not any("nine of ten" in told for told in found.summary)


def test_runs_of_different_things_are_no_noise(repeated, store, scores):
    """Other variants than the first run's are told."""
    with pytest.raises(NotComparableError, match=r"run 2: variant 'full/zero-shot' is missing"):
        calibrate([read_snapshot(repeated("run", 1)), read_snapshot(store("other", scores))])


def test_repetitions_may_be_of_other_seeds(store, world):
    """Two runs of different seeds are repetitions of each other."""
    scores = {"full/zero-shot": {"in_domain": world.hits(60)}}
    runs = [read_snapshot(store(f"seed-{seed}", world.rows(scores, seed=seed))) for seed in (0, 1)]
    assert calibrate(runs).runs == 2


def test_one_run_has_no_noise(repeated):
    """One run alone is an error."""
    with pytest.raises(InputError, match="two or more"):
        calibrate([read_snapshot(repeated("run", 1))], Rules())
