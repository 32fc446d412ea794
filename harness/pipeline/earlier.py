"""An earlier run that training goes on from: its weights, and what they have seen."""

import json
from pathlib import Path
from typing import Any

from harness.errors import InputError
from harness.runs import Artifact, Cache, RunFolder

FOLDER = "training"


class Earlier:
    """What the recipe called `recipe` got in the run at `run`."""

    def __init__(self, run: Path, recipe: str) -> None:
        self._run, self._recipe = run, recipe

    def contents(self) -> frozenset[str]:
        """The contents of all lessons that any seed has had there, and in the runs that it went on from.

        Raises InputError if a file of that run isn't as it was written.
        """
        RunFolder.existing(self._run).verify()
        return frozenset(row["content"] for path in self._files() for row in _rows(path))

    def weights(self, seed: int, base_hash: str, cache: Cache) -> Artifact:
        """The trained weights of `seed`; raises InputError if they aren't there, or of another base."""
        manifest = json.loads((self._run / "run.json").read_text(encoding="utf-8"))
        if manifest.get("base", {}).get("hash") != base_hash:
            raise InputError(
                f"{self._run}: was made on another base model, so its weights can't be gone on from here. "
                "Give --model the base of that run."
            )
        key = manifest.get("artifacts", {}).get("weights_keys", {}).get(f"{self._recipe}, seed {seed}")
        found = cache.get("weights", key) if key else None
        if found is None:
            reason = "are no longer in the cache" if key else "were not trained in that run"
            raise InputError(
                f"{self._run}: the weights of {self._recipe}, seed {seed}, {reason}, so training can't go on from "
                "them. Run that comparison again, with this recipe and as many seeds."
            )
        return found

    def _files(self) -> list[Path]:
        return sorted((self._run / FOLDER / self._recipe).glob("*.jsonl"))


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
