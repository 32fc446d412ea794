import json
import shutil

import pytest
from pydantic import ValidationError

from harness.comparison import (
    Constraints,
    Prices,
    ScoreRow,
    Trial,
    read_comparison,
    read_rows,
    write_comparison,
    write_rows,
    write_text,
)
from harness.errors import CacheError, InputError


@pytest.fixture
def rows(world):
    return world.rows(
        {"base/zero-shot": {"in_domain": [1.0, None, 1 / 3]}, "base/rag-3": {"in_domain": [1.0, 0.5, 1.0]}}
    )


def test_comparison_round_trips(world, rows, tmp_path):
    """What is read equals what was written, and writing again gives the same bytes."""
    comparison = world.compare(rows)
    first = write_comparison(comparison, tmp_path / "run").read_bytes()
    assert read_comparison(tmp_path / "run") == comparison
    assert write_comparison(comparison, tmp_path / "run").read_bytes() == first
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["comparison.json", "costs.json"]


def test_comparison_is_the_published_schema(world, rows, tmp_path):
    """The files have the keys that other tools rely on, the schema under "schema", and one line for each cell."""
    text = write_comparison(world.compare(rows), tmp_path).read_text()
    content = json.loads(text)
    assert content["schema"] == "harness.comparison/3"
    assert list(content) == [
        "schema",
        "signature",
        "suite",
        "base",
        "splits",
        "variants",
        "metrics",
        "margin",
        "cells",
        "pairs",
        "drops",
        "shift_lines",
        "forgetting",
        "alpha_paths",
        "staleness",
        "agreement",
        "routers",
        "passages",
        "attribution",
        "trials",
        "failures",
    ]
    assert list(json.loads((tmp_path / "costs.json").read_text())) == [
        *("schema", "comparison", "trial_seconds"),
        *("costs", "prices", "priced", "break_even", "standings", "decision"),
    ]
    assert f"    {json.dumps(content['cells'][0])}" in text


def test_the_clock_changes_one_file_only(world, rows, tmp_path):
    """Other seconds, and all that is concluded from them, leave comparison.json as it was to the byte."""
    trial = Trial(recipe="lora", number=0, settings={}, learning_rate=0.1, epochs=1, seconds=1.5)
    kept = {}
    for name, factor in (("quick", 1.0), ("slow", 7.0)):
        costs = [
            world.cost(variant).model_copy(update={"seconds_per_query": factor / (1 + place), "p95_seconds": factor})
            for place, variant in enumerate(("base/zero-shot", "base/rag-3"))
        ]
        timed = trial.model_copy(update={"seconds": factor})
        constraints = Constraints(("p95_seconds <= 2",), 1000, 0)
        written = world.compare(rows, costs=costs, trials=[timed], constraints=constraints, prices=Prices(gpu_hour=2))
        kept[name] = write_comparison(written, tmp_path / name).read_bytes()
        assert read_comparison(tmp_path / name) == written
    assert kept["quick"] == kept["slow"]
    assert (tmp_path / "quick" / "costs.json").read_bytes() != (tmp_path / "slow" / "costs.json").read_bytes()


def test_costs_of_another_run_are_not_joined(world, rows, tmp_path):
    """costs.json beside a comparison.json that it doesn't belong to is one clear error with a remedy."""
    write_comparison(world.compare(rows), tmp_path / "one")
    write_comparison(world.compare(rows, margin=0.1), tmp_path / "other")
    shutil.copy(tmp_path / "other" / "costs.json", tmp_path / "one" / "costs.json")
    with pytest.raises(InputError, match=r"one/costs.json: belongs to another comparison.json .* Repeat the command"):
        read_comparison(tmp_path / "one")
    (tmp_path / "one" / "costs.json").unlink()
    with pytest.raises(InputError, match=r"costs.json: there is no such file"):
        read_comparison(tmp_path / "one")


def test_rows_round_trip(rows, tmp_path):
    """Rows come back as they were; one that is unscored keeps its reason, and a value its six decimals."""
    write_rows(rows, tmp_path)
    assert read_rows(tmp_path) == rows
    assert '"value": null, "reason": "truncated"' in (tmp_path / "scores.jsonl").read_text()


def test_line_separators_in_names_survive(tmp_path):
    """A case id with U+2028, which JSON leaves as it is, doesn't break its line in two."""
    row = ScoreRow(variant="v", split="s", case="a\u2028b", metric="m", value=1.0)
    write_rows([row], tmp_path)
    assert read_rows(tmp_path) == [row]


def test_broken_lines_are_all_told(rows, tmp_path):
    """Every broken line is named by file and number."""
    path = write_rows(rows, tmp_path)
    path.write_text(path.read_text() + '{"variant": \n{"value": 1}\n')
    with pytest.raises(InputError) as error:
        read_rows(tmp_path)
    assert f"{path}:7: " in str(error.value)
    assert f"{path}:8: variant: Field required" in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{\n"schema": oops}', r"comparison.json:2: not valid JSON"),
        ('{"schema": "harness.comparison/9"}', r"schema 'harness.comparison/9', this version reads"),
        ('{"schema": "harness.comparison/2"}', r"Run harness compare again with this version"),
        ('{"schema": "harness.comparison/3"}', r"suite: Field required"),
        ("[]", r"schema None"),
        ("[" * 100_000, r"comparison.json: can't be read \(maximum recursion"),
        (f'{{"schema": {"9" * 5_000}}}', r"comparison.json: can't be read \(Exceeds the limit"),
    ],
)
def test_a_broken_comparison_is_one_clear_error(tmp_path, content, message):
    """Broken JSON is told with its line, another schema as such, and a missing field by its name."""
    (tmp_path / "comparison.json").write_text(content)
    with pytest.raises(InputError, match=message):
        read_comparison(tmp_path)


def test_a_missing_run_is_an_input_error(tmp_path):
    """A folder without a comparison or rows is told as such."""
    with pytest.raises(InputError, match="no such file"):
        read_comparison(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        read_rows(tmp_path / "nowhere")


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    """If the disk fills up, the older file stays whole and no scratch file remains."""
    path = write_text(tmp_path / "report.md", "old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(CacheError, match="No space left on device"):
        write_text(path, "new")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("report.md", "old")]


@pytest.mark.parametrize(("value", "reason"), [(None, None), (1.0, "truncated"), (float("nan"), None)])
def test_a_row_is_scored_or_explained(value, reason):
    """Invariant 4: a row without value and reason, with both, or with NaN is none."""
    with pytest.raises(ValidationError):
        ScoreRow(variant="v", split="s", case="c", metric="m", value=value, reason=reason)
