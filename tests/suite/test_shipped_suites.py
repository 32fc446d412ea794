import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harness.suite import load_suite

ROOT = Path(__file__).parents[2]
SUITES = ("pocket", "triage")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module that makes up the pocket world."""
    monkeypatch.syspath_prepend(ROOT)
    return import_module("suites.pocket.world")


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", SUITES)
def test_loads(name: str) -> None:
    """The suite loads without a problem, and each of its test splits has at least 100 cases."""
    suite = load_suite(str(ROOT / "suites" / name))
    assert suite.name == name
    assert min(len(split.cases) for split in suite.tests) >= 100
    assert {split.kind for split in suite.tests} == {"in-domain", "shifted", "retention"}


@pytest.mark.parametrize("name", SUITES)
def test_reproduces(name: str, tmp_path: Path) -> None:
    """The generator writes every data file of the suite again, byte for byte, and no other."""
    subprocess.run([sys.executable, "-m", f"suites.{name}.generate", "--out", tmp_path], cwd=ROOT, check=True)
    committed = {path.name: path.read_bytes() for path in (ROOT / "suites" / name).glob("*.jsonl")}
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == committed


def test_the_pocket_base_is_small_and_safe() -> None:
    """The base is one safetensors file in Hugging Face format, of at most 12 MB with its tokenizer, and no pickle."""
    files = {path.name: path.stat().st_size for path in (ROOT / "suites/pocket/base").iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(files)
    assert all(name.endswith((".json", ".safetensors")) for name in files)
    assert sum(files.values()) <= 12_000_000


def test_pocket_ships_are_reserved(world: Any) -> None:
    """Every ship of the corpus is reserved for the suite, and every retention question is about a known ship."""
    reserved = world.reserved_names()
    assert {row["title"].removeprefix("The ") for row in rows(ROOT / "suites/pocket/corpus.jsonl")} <= set(
        reserved["suite"]
    )
    for name in SUITES:
        for row in rows(ROOT / "suites" / name / "retention.jsonl"):
            assert any(ship in row["question"] for ship in reserved["known"])


def test_suite_and_known_ships_differ(world: Any) -> None:
    """The base can't know a ship of the suite by heart: no name is on both lists, or twice on one."""
    reserved = world.reserved_names()
    every = [*reserved["suite"], *reserved["known"]]
    assert len(set(every)) == len(every)


def test_pretraining_invents_no_reserved_name(world: Any) -> None:
    """Among 20,000 names invented for pretraining none is reserved (unguarded, some hundred would be)."""
    invented_names = import_module("suites.pocket.pretraining_documents").invented_names
    reserved = {name for names in world.reserved_names().values() for name in names}
    random = Random(0)
    invented = [name for _ in range(2000) for name in invented_names(10, random)]
    unguarded = [f"{random.choice(world.ADJECTIVES)} {random.choice(world.NOUNS)}" for _ in range(20_000)]
    assert not reserved & set(invented)
    assert sum(name in reserved for name in unguarded) > 50


def test_triage_texts_are_new() -> None:
    """No incident text of a test split stands in train or in the log that is retrieved from."""
    folder = ROOT / "suites" / "triage"
    seen = {row["question"].rpartition(". ")[0] for row in rows(folder / "train.jsonl")}
    log = "\n".join(row["text"] for row in rows(folder / "corpus.jsonl"))
    for split in ("in_domain", "reworded"):
        for row in rows(folder / f"{split}.jsonl"):
            text = row["question"].rpartition(". ")[0]
            assert text not in seen
            assert text not in log
