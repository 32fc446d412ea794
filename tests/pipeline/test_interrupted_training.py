"""A comparison that is stopped while it trains goes on from its last checkpoint, to the same weights."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from harness.pipeline import CompareConfig, Silent, run_comparison
from harness.runs import Cache
from harness.weights.training import checkpoints


class Stopping(Silent):
    """Stops at the given training step, as Ctrl-C does; counts the steps that were told at once."""

    def __init__(self, at: int | None) -> None:
        self.at, self.told = at, []

    @contextmanager
    def task(self, description: str, total: int) -> Iterator[Callable[[int], None]]:
        def advance(steps: int) -> None:
            if description.startswith("train "):
                self.told.append(steps)
                if sum(self.told) == self.at:
                    raise KeyboardInterrupt

        yield advance


def test_interrupted_training_goes_on_to_the_same_weights(suite, tiny_base, tmp_path, monkeypatch):
    """Stopped in its seventh step, the next run skips the six before, and its artifact has the same hash."""
    monkeypatch.setattr(checkpoints, "SECONDS", 0.0)  # one after every step

    def run(cache: str, at: int | None) -> tuple[list[int], str]:
        watch = Stopping(at)
        recipes = {"full": {"training": {"epochs": 5, "batch_size": 2, "learning_rate": 0.01}}}
        config = CompareConfig(
            suite=str(suite), model=str(tiny_base), variants=("full/zero-shot",), recipes=recipes, out=tmp_path / "run"
        )
        result = run_comparison(config, watch, Cache(tmp_path / cache))
        return watch.told, (result.run / "run.json").read_text(encoding="utf-8").split('"weights": {')[1][:120]

    straight, whole = run("straight", None)
    assert straight == [1] * 10
    with pytest.raises(KeyboardInterrupt):
        run("interrupted", 7)
    told, resumed = run("interrupted", None)
    assert told == [6, 1, 1, 1, 1]
    assert resumed == whole
    assert not list((tmp_path / "interrupted").rglob("*unfinished*"))
