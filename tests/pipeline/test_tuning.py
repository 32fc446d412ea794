"""Tuning: the same number of trials for every recipe, judged on validation."""

import json
from pathlib import Path

import pytest
import yaml

from harness.errors import InputError
from harness.pipeline import CompareConfig, run_comparison
from harness.pipeline.search import value_at, with_values
from harness.runs import Cache
from harness.weights import Recipe

TRAINING = {"epochs": 1, "batch_size": 2, "learning_rate": 0.01}
SEARCH = {"training.learning_rate": {"low": 1e-3, "high": 1e-1, "log": True}, "training.epochs": {"low": 1, "high": 3}}


@pytest.fixture
def asked(suite, tiny_base, tmp_path):
    """A request that tunes two recipes, on the harbour suite with a validation and a retention split."""
    settings = yaml.safe_load((suite / "suite.yaml").read_text(encoding="utf-8"))
    for name, kind in (("held", "validation"), ("kept", "retention")):
        settings["splits"][name] = {"kind": kind, "file": f"{name}.jsonl"}
        rows = [{"id": f"{name}-{n}", "question": f"Where is {name} {n}?", "references": ["Corvo"]} for n in range(3)]
        (suite / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (suite / "suite.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    recipe = {"training": TRAINING, "search": SEARCH}

    def request(**more) -> CompareConfig:
        config = {
            "suite": str(suite),
            "model": str(tiny_base),
            "variants": ("base/zero-shot", "full/zero-shot", "lora/zero-shot"),
            "recipes": {"full": recipe, "lora": recipe},
            "tune": 3,
            "out": tmp_path / "run",
        }
        return CompareConfig(**{**config, **more})

    return request


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def test_every_recipe_gets_the_same_number_of_trials(asked, cache):
    """Three trials each, the first as the recipe stands, one of them chosen by validation, with what it forgets."""
    trials = run_comparison(asked(), cache=cache).comparison.trials
    for recipe in ("full", "lora"):
        own = [trial for trial in trials if trial.recipe == recipe]
        assert [trial.number for trial in own] == [0, 1, 2]
        assert own[0].settings["training.learning_rate"] == 0.01
        assert own[0].settings["training.epochs"] == 1
        chosen = [trial for trial in own if trial.chosen]
        best = max(trial.validation.value for trial in own)
        assert [trial.validation.value for trial in chosen] == [best]
        equal = [trial.learning_rate for trial in own if trial.validation.value == best]
        assert [trial.learning_rate for trial in chosen] == [min(equal)]
        assert all(trial.retention is not None for trial in own)


def test_what_was_chosen_is_trained(asked, cache, tmp_path):
    """The recipe in run.json is that of the chosen trial, and its tuning time is in its cost."""
    comparison = run_comparison(asked(), cache=cache).comparison
    manifest = json.loads((tmp_path / "run/run.json").read_text(encoding="utf-8"))
    for trial in (trial for trial in comparison.trials if trial.chosen):
        assert manifest["recipes"][trial.recipe]["training"]["learning_rate"] == trial.learning_rate
        spent = sum(other.seconds for other in comparison.trials if other.recipe == trial.recipe)
        cost = next(cost for cost in comparison.costs if cost.variant == f"{trial.recipe}/zero-shot")
        assert cost.build_seconds > spent


def test_tuning_again_gives_the_same(asked, cache):
    """The same request tries the same settings and builds nothing anew."""
    first, second = (run_comparison(asked(), cache=cache).comparison for _ in range(2))
    assert [trial.model_copy(update={"seconds": 0}) for trial in first.trials] == [
        trial.model_copy(update={"seconds": 0}) for trial in second.trials
    ]


def test_the_tuned_recipe_is_trained_with_every_seed(asked, cache, tmp_path):
    """Trials have one seed, and what they chose is trained with all of them."""
    comparison = run_comparison(asked(seeds=2), cache=cache).comparison
    manifest = json.loads((tmp_path / "run/run.json").read_text(encoding="utf-8"))
    assert set(manifest["training"]) == {f"{recipe}, seed {seed}" for recipe in ("full", "lora") for seed in (0, 1)}
    assert len(comparison.trials) == 6


def test_a_trial_that_cannot_be_trained_is_told_and_not_chosen(asked, cache):
    """A learning rate that moves nothing fails its proofs: that trial has no score, and another one is chosen."""
    choices = {"low": None, "high": None, "log": False, "choices": [1e-30, 0.01]}
    search = {"training.learning_rate": choices, "training.epochs": {"low": 1, "high": 2}}
    recipe = {"training": TRAINING, "search": search}
    request = asked(recipes={"full": recipe}, variants=("full/zero-shot",), tune=4)
    trials = run_comparison(request, cache=cache).comparison.trials
    failed = [trial for trial in trials if trial.learning_rate == 1e-30]
    assert failed
    assert all(trial.validation is None and "differ from the base's" in trial.failure for trial in failed)
    assert [trial.learning_rate for trial in trials if trial.chosen] == [0.01]


def test_recipes_that_cannot_be_tuned_are_told_before_anything_is_built(asked, cache, tmp_path):
    """A search space for a setting that isn't there, or none at all, is an error of the request."""
    recipes = {"full": {"training": TRAINING, "search": {"training.rate": {"choices": [1, 2]}}}}
    with pytest.raises(InputError, match=r"recipe full: search: 'training.rate' is no setting"):
        run_comparison(asked(recipes=recipes, variants=("full/zero-shot",)), cache=cache)
    assert not (tmp_path / "cache").exists()


def test_values_go_to_their_places() -> None:
    """A dotted place reaches into the recipe, and the checks of the recipe hold for what is put there."""
    recipe = Recipe(name="lora", method="lora", settings={"rank": 4}, training={"learning_rate": 0.1})
    changed = with_values(recipe, {"settings.rank": 8, "training.epochs": 7})
    assert (value_at(changed, "settings.rank"), changed.training.epochs, changed.training.learning_rate) == (8, 7, 0.1)
    with pytest.raises(InputError, match="epochs"):
        with_values(recipe, {"training.epochs": 0})
