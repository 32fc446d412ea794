from pathlib import Path

import pytest

from harness.errors import InputError, UnknownNameError
from harness.weights import Recipe, TrainingSettings, load_recipe, method_of, recipe_names

MINE = """
name: mine
method: lora
settings: {rank: 2}
training: {learning_rate: 0.5}
"""


@pytest.fixture
def adapters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty `adapters/` in the working directory."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "adapters"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("name", ["full", "lora", "prompt", "p-tuning", "prefix"])
def test_the_shipped_recipes_are_valid(name: str) -> None:
    """Each recipe that the harness brings loads, and its method takes its settings."""
    recipe = load_recipe(name)
    assert recipe.name == name
    assert method_of(recipe)[0].name == name


def test_an_unknown_recipe_suggests_the_nearest() -> None:
    """A misspelt recipe is told with the nearest known name."""
    with pytest.raises(UnknownNameError, match=r"unknown recipe 'lroa'. Did you mean 'lora'\?"):
        load_recipe("lroa")


def test_an_unknown_key_suggests_the_nearest(adapters: Path) -> None:
    """A misspelt key is told with its file and the nearest known key."""
    (adapters / "mine.yaml").write_text(MINE.replace("learning_rate", "lerning_rate"))
    with pytest.raises(InputError) as caught:
        load_recipe("mine")
    lines = str(caught.value).splitlines()
    assert any(
        "mine.yaml: unknown key 'training.lerning_rate' (did you mean 'learning_rate'?)" in line for line in lines
    )
    assert any("training.learning_rate: " in line for line in lines), "all mistakes are told at once"


def test_an_unknown_setting_of_the_method_suggests_the_nearest() -> None:
    """The method checks its own settings and says whose they are."""
    recipe = load_recipe("lora", {"settings": {"rnak": 2}})
    with pytest.raises(InputError, match=r"recipe lora: settings: unknown key 'rnak' \(did you mean 'rank'\?\)"):
        method_of(recipe)


def test_what_is_trained_here_says_how_and_nothing_else_does(adapters: Path) -> None:
    """A recipe of a local method needs `training`, and one that a server trains has none."""
    (adapters / "mine.yaml").write_text(MINE.replace("training: {learning_rate: 0.5}", ""))
    with pytest.raises(InputError, match=r"recipe mine: training: is missing"):
        method_of(load_recipe("mine"))
    with pytest.raises(InputError, match=r"recipe mine: has no training settings"):
        _ = load_recipe("mine").local_training
    assert load_recipe("api-finetune").training is None
    with pytest.raises(InputError, match=r"recipe api-finetune: training: says how to train here"):
        method_of(load_recipe("api-finetune", {"training": {"learning_rate": 0.5}}))


def test_an_unknown_method_suggests_the_nearest() -> None:
    """A misspelt method is told with the recipe and the nearest known name."""
    with pytest.raises(UnknownNameError, match=r"recipe full: unknown method 'ful'. Did you mean 'full'\?"):
        method_of(load_recipe("full", {"method": "ful"}))


def test_overrides_are_merged_key_by_key() -> None:
    """An override replaces its key and leaves the keys beside it."""
    plain, changed = load_recipe("lora"), load_recipe("lora", {"settings": {"rank": 3}, "training": {"epochs": 9}})
    assert changed.settings == {**plain.settings, "rank": 3}
    assert changed.training == plain.training.model_copy(update={"epochs": 9})


def test_a_mistake_in_overrides_says_that_there_were_some() -> None:
    """The message doesn't blame the file alone for a key that the override brought."""
    with pytest.raises(InputError, match=r"lora\.yaml with training as overridden: unknown key 'training\.epoch'"):
        load_recipe("lora", {"training": {"epoch": 9}})


def test_a_recipe_of_the_working_directory_wins(adapters: Path) -> None:
    """A recipe file in ./adapters comes before the shipped one of that name, and is listed."""
    (adapters / "lora.yaml").write_text(MINE.replace("mine", "lora"))
    (adapters / "mine.yaml").write_text(MINE)
    assert load_recipe("lora").training.learning_rate == 0.5
    assert "mine" in recipe_names()
    assert recipe_names().count("lora") == 1


def test_a_copied_recipe_must_take_the_name_of_its_file(adapters: Path) -> None:
    """A recipe is asked for and shown under one name."""
    (adapters / "other.yaml").write_text(MINE)
    with pytest.raises(InputError, match=r"calls itself 'mine'.*Write `name: other` there"):
        load_recipe("other")


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"learning_rate": 0},
        {"warmup": 1},
        {"schedule": "zigzag"},
        {"gradient_norm": 0},
        {"weight_decay": -1},
        {"micro_batch_size": 0},
        {"early_stopping": 0},
        {"optimizer": "sgd"},
    ],
)
def test_training_settings_out_of_range_are_refused(changes: dict[str, object]) -> None:
    """A training that can't be run is refused before anything is loaded."""
    with pytest.raises(InputError, match=rf"training\.{next(iter(changes))}: "):
        load_recipe("full", {"training": changes})


def test_a_recipe_cannot_be_changed_after_it_was_read(lora: Recipe) -> None:
    """Recipes are part of cache keys, so they are frozen."""
    with pytest.raises(ValueError, match="frozen"):
        lora.training = TrainingSettings(learning_rate=1)  # type: ignore[misc]
