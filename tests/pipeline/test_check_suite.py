"""`harness suite check` as a whole: what tokenizer, embedder and power find in a suite that ships and in made ones."""

import json
from pathlib import Path

import numpy as np
import pytest

from harness.errors import InputError, UnknownNameError
from harness.pipeline.check_suite import CheckRequest, check_suite
from harness.pipeline.suite_meaning import near_in_meaning
from harness.pipeline.suite_prompts import zero_shot_prompts
from harness.suite import load_suite

POCKET = str(Path(__file__).parents[2] / "suites" / "pocket")


def add(path: Path, **row: object) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def groups(check: object) -> list[str]:
    return [finding.group for finding in check.warnings]  # type: ignore[attr-defined]


def test_the_figures_of_the_pocket_suite() -> None:
    """Its splits are sound and small: 150 cases show differences from ten points on."""
    found = check_suite(CheckRequest(POCKET, embedding=False))
    assert found.errors == ()
    assert groups(found) == ["power"]
    in_domain = next(split for split in found.splits if split.name == "in_domain")
    assert (in_domain.cases, in_domain.evidence, in_domain.majority, in_domain.longest) == (150, 150, None, 23)
    assert in_domain.detects == pytest.approx(0.1015, abs=1e-4)
    assert found.counted == "the tokenizer of pocket/base"


def test_what_load_suite_refuses_is_an_error(suite: Path, tiny_base: Path) -> None:
    """Errors are told instead of raised, with what else is doubtful; a suite that isn't there is raised."""
    add(suite / "asked.jsonl", id="late", question="What is late?", references=["x"], evidence=["nowhere"])
    add(suite / "asked.jsonl", id="asked-Otter", question="What now?", references=["x"])
    found = check_suite(CheckRequest(str(suite), embedding=False))
    assert len(found.errors) == 2
    assert any("names evidence that its corpus lacks" in text for text in found.errors)
    assert any("'asked-Otter' occurs 2 times" in text for text in found.errors)
    assert any(finding.group == "power" for finding in found.warnings)
    with pytest.raises(UnknownNameError):
        check_suite(CheckRequest("pokcet"))


def test_prompts_that_are_too_long_for_the_window(suite: Path, tiny_base: Path) -> None:
    """Tokens are counted by the base that is named: what doesn't fit its window would stop a run."""
    add(suite / "asked.jsonl", id="long", question="Why? " * 200, references=["x"])
    found = check_suite(CheckRequest(str(suite), model=str(tiny_base), embedding=False))
    (long,) = [finding.text for finding in found.warnings if finding.group == "lengths"]
    assert "1 of 5 cases of asked need more than 512 tokens" in long
    assert next(split for split in found.splits if split.name == "asked").longest > 512
    rough = check_suite(CheckRequest(str(suite), embedding=False))
    assert not [finding for finding in rough.warnings if finding.group == "lengths"]
    assert rough.counted.startswith("4 characters a token")
    assert rough.left_out == ("near-duplicates by meaning, and the embedder's window",)


def test_questions_of_the_same_meaning_and_longer_than_the_embedder_reads(suite: Path) -> None:
    """The embedder finds what no shingle does, and tells which questions it can't see whole."""
    add(suite / "train.jsonl", id="meant", question="What is the mascot of the Wandering Harvest?", references=["x"])
    add(suite / "asked.jsonl", id="twin", question="Which mascot does the Wandering Harvest keep?", references=["x"])
    add(suite / "asked.jsonl", id="long", question="Why does it sail? " * 80, references=["x"])
    check = check_suite(CheckRequest(str(suite)))
    assert check.left_out == ()
    found = [finding.text for finding in check.warnings]
    assert any("twin ~ meant (0.9" in text for text in found)
    assert any("fill the embedder's window of 256 tokens (long)" in text for text in found)


@pytest.mark.parametrize(("effect", "small"), [(0.05, True), (0.2, False)])
def test_the_effect_that_is_hoped_for_decides_what_is_too_small(effect: float, small: bool) -> None:
    """150 cases are too few for 5 points and enough for 20."""
    found = check_suite(CheckRequest(POCKET, effect=effect, embedding=False))
    assert ("power" in groups(found)) == small


@pytest.mark.parametrize("effect", [0, -0.1, 0.5, 5])
def test_effects_that_cannot_be(effect: float) -> None:
    """An effect is a share, and above the typical discordance nothing can be planned."""
    with pytest.raises(InputError, match="for five points"):
        check_suite(CheckRequest(POCKET, effect=effect))


def test_nearest_rows_across_blocks() -> None:
    """The nearest row is found for each of more rows than one block holds, as numpy finds it for all at once."""
    rows = np.random.default_rng(0).normal(size=(2500, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    known, asked = rows[:300], rows[300:]
    pairs = near_in_meaning(known, asked, 0.9)
    best = (asked @ known.T).max(axis=1)
    assert [pair.number for pair in pairs] == np.flatnonzero(best >= 0.9).tolist()
    assert all(pair.similarity == pytest.approx(float(known[pair.twin] @ asked[pair.number])) for pair in pairs)


def test_prompts_as_the_base_gets_them(suite: Path, tiny_base: Path) -> None:
    """In plain text the prompt is what `harness suite show` shows without a model."""
    loaded = load_suite(str(suite))
    question = loaded.splits["asked"].cases[0].question
    assert zero_shot_prompts(loaded, [question], str(tiny_base)) == [f"Question: {question}\nAnswer:"]
