"""Run folders are anybody's: none makes report, gate or export read outside of it, or run or take what isn't yours.

Whoever sends a run can seal it anew, so every attack here has the right hashes.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.runs import Cache, RunFolder

SECRET = '{"case": "asked-Otter", "text": "the secret of another folder"}\n'


@pytest.fixture
def run(harness, suite: Path, tiny_base: Path, tmp_path: Path) -> Path:
    """A finished run of one trained variant."""
    asked = ("--variants", "lora/zero-shot", "--limit", "2", "--out", "run")
    assert harness("compare", suite, "--model", tiny_base, *asked)[0] == 0
    return tmp_path / "run"


def reseal(run: Path, change: Callable[[dict], None] = lambda manifest: None) -> None:
    """Makes `run` whole again after an attack, its manifest changed too."""
    manifest = json.loads((run / "run.json").read_text(encoding="utf-8"))
    records = [run / name for name in manifest["files"]]
    content = {key: value for key, value in manifest.items() if key not in ("schema", "files", "seal")}
    change(content)
    RunFolder(run).finish(content, records)


@pytest.mark.parametrize("name", ["predictions/lora/zero-shot/asked.jsonl", "prompts/zero-shot/asked.jsonl"])
def test_links_lead_nowhere(harness, run, tmp_path, name):
    """A record that is a link to a file elsewhere is not read, though its hash is right."""
    (tmp_path / "secret.jsonl").write_text(SECRET, encoding="utf-8")
    (run / name).unlink()
    (run / name).symlink_to(tmp_path / "secret.jsonl")
    reseal(run)
    code, _, told = harness("report", run)
    assert (code, "outside the run" in told) == (2, True)
    assert not (run / "report.html").exists()


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../secret"])
@pytest.mark.parametrize("command", ["report", "export"])
def test_names_are_no_paths(harness, run, tmp_path, name, command):
    """A split whose name is a path reads and writes nothing outside of the run."""
    (tmp_path / "secret.jsonl").write_text(SECRET, encoding="utf-8")
    path = run / "comparison.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"asked"', json.dumps(name)), encoding="utf-8")
    for rows in ("scores.jsonl", "cases.jsonl"):
        text = (run / rows).read_text(encoding="utf-8")
        (run / rows).write_text(text.replace('"asked"', json.dumps(name)), encoding="utf-8")
    _rejoin(run)
    reseal(run)
    before = {path for path in tmp_path.rglob("*") if not path.is_relative_to(run)}
    code, _, told = harness(*([command, run] if command == "report" else [command, run, "lora/zero-shot", "exported"]))
    after = {path for path in tmp_path.rglob("*") if not path.is_relative_to(run)}
    page = run / "report.html"
    assert "the secret" not in (page.read_text(encoding="utf-8") if page.exists() else "")
    assert code in (0, 2), told
    assert {path.name for path in after - before} <= {"exported"} | {
        path.name for path in (tmp_path / "exported").rglob("*")
    } | {path.name for path in (tmp_path / "cache").rglob("*")}


@pytest.mark.parametrize("key", ["../../elsewhere/weights", "/tmp", "..", ""])
def test_a_key_is_no_path(tmp_path, key):
    """Weights come from the cache by a key, never from where a run says that they lie."""
    assert Cache(tmp_path / "cache").get("weights", key) is None


def test_an_export_takes_the_weights_of_your_cache(harness, run):
    """A run that names another artifact as its weights is told that they aren't there."""

    def swap(manifest: dict) -> None:
        manifest["artifacts"]["weights_keys"] = {"lora, seed 0": "../../elsewhere"}

    reseal(run, swap)
    code, _, told = harness("export", run, "lora/zero-shot", "exported")
    assert (code, "no longer in the cache" in told) == (2, True)


def _rejoin(run: Path) -> None:
    """Lets `costs.json` belong to the changed comparison again."""
    from harness.runs.fingerprint import file_hash

    path = run / "costs.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["comparison"] = file_hash(run / "comparison.json")
    path.write_text(json.dumps(content), encoding="utf-8")
