"""A run of a small suite whose corpus changes, with a tiny random Llama: what exports are made from."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from harness.pipeline import CompareConfig, run_comparison
from harness.runs import Cache

SHIPS = {"Otter": ("Brindle", "Corvo"), "Heron": ("Corvo", "Estal"), "Badger": ("Dunmere", "Brindle")}
PORTS = ["Brindle", "Corvo", "Dunmere", "Estal"]
ASKED = {
    "train": ("Where is the {} at home?", 0, {}),
    "validation": ("In which port is the {} at home?", 0, {}),
    "old": ("Which port has the {}?", 0, {}),
    "new": ("Which port has the {} now?", 1, {}),
    "picked": ("The {} is at home in which port?", 1, {"choices": PORTS}),
}
FAST = {"training": {"epochs": 2, "batch_size": 2, "learning_rate": 0.01}}


class Made(NamedTuple):
    """A finished run and the cache that holds its weights."""

    run: Path
    cache: Cache


@pytest.fixture(scope="session")
def harbour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ships that move: two revisions of the corpus, a split for each, and one of choices on the newer."""
    folder = tmp_path_factory.mktemp("suites") / "harbour"
    folder.mkdir()
    dates = {"old": "2026-01-01", "new": "2026-02-01"}
    asked = {name: {"as_of": date} for name, date in dates.items()}
    settings = {
        "name": "harbour",
        "decoding": {"max_new_tokens": 4},
        "corpus": "corpus.jsonl",
        "retrieval": {"retrievers": {"ships": {"kind": "dense", "filter": {"kind": "ship"}}}},
        "splits": {
            "train": {"kind": "train", "file": "train.jsonl", "as_of": dates["old"]},
            "validation": {"kind": "validation", "file": "validation.jsonl", "as_of": dates["old"]},
            "old": {"kind": "in-domain", "file": "old.jsonl", **asked["old"]},
            "new": {"kind": "shifted", "file": "new.jsonl", **asked["new"]},
            "picked": {"kind": "shifted", "file": "picked.jsonl", **asked["new"]},
        },
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    documents = []
    for ship, (before, after) in SHIPS.items():
        told = {"metadata": {"kind": "ship"}}
        old = {"id": f"{ship}-old", "text": f"The {ship} is at home in {before}.", "valid_until": dates["new"]}
        new = {"id": f"{ship}-new", "text": f"The {ship} is at home in {after}.", "valid_from": dates["new"]}
        documents += [{**old, **told}, {**new, **told}]
    documents += [{"id": port, "text": f"{port} is a port.", "metadata": {"kind": "port"}} for port in PORTS]
    _write(folder / "corpus.jsonl", documents)
    for split, (question, place, more) in ASKED.items():
        cases = [
            {"id": f"{split}-{ship}", "question": question.format(ship), "references": [ports[place]], **more}
            for ship, ports in SHIPS.items()
        ]
        if split == "picked":
            cases = [{**case, "evidence": [f"{ship}-new"]} for case, ship in zip(cases, SHIPS, strict=True)]
        _write(folder / f"{split}.jsonl", cases)
    return folder


@pytest.fixture(scope="session")
def compared(harbour: Path, tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Made]:
    """Runs a comparison of variants and hands out the run with its cache."""
    cache = Cache(tmp_path_factory.mktemp("cache"))

    def run(*variants: str, model: Path = tiny_base, **more: object) -> Made:
        names = {name for variant in variants for name in variant.partition("/")[0].partition("@")[0].split(">")}
        recipes = dict.fromkeys(names - {"base"}, FAST)
        out = tmp_path_factory.mktemp("runs") / "run"
        options = {"variants": variants, "recipes": recipes, "out": out, **more}
        run_comparison(CompareConfig(suite=str(harbour), model=str(model), **options), cache=cache)
        return Made(out, cache)

    return run


def _write(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
