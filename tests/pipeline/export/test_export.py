"""What an export holds, what it proves, and what is refused."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import InputError, ProofError, UnknownNameError
from harness.pipeline.export import export
from harness.runs import Cache


@pytest.fixture(scope="module")
def made(compared):
    """A run of what most tests export."""
    return compared("base/zero-shot", "base/rag-2:oracle", "base/rag-2:random", "full@best/zero-shot", "lora/rag-2")


@pytest.fixture(scope="module")
def exported(made, tmp_path_factory) -> Path:
    """`lora/rag-2`, exported."""
    return export(made.run, "lora/rag-2", tmp_path_factory.mktemp("exports") / "lora", cache=made.cache)


def read(folder: Path, name: str) -> dict:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def test_a_trained_adapter_is_exported_as_a_plain_model(exported):
    """A recipe that merges gives a model of transformers alone, with tokenizer and generation settings."""
    from transformers import AutoModelForCausalLM

    assert not (exported / "adapter").exists()
    assert {"config.json", "generation_config.json", "tokenizer.json"} <= {
        p.name for p in (exported / "model").iterdir()
    }
    assert AutoModelForCausalLM.from_pretrained(exported / "model").num_parameters() > 0


def test_the_newest_revision_is_exported(exported):
    """Of a corpus with several dates only the newest is there, and the checked cases were asked against it."""
    lines = (exported / "retrieval" / "passages.jsonl").read_text(encoding="utf-8").splitlines()
    documents = {json.loads(line)["document"] for line in lines}
    assert {"Otter-new", "Brindle"} <= documents
    assert "Otter-old" not in documents
    assert {case["split"] for case in read(exported, "check.json")["cases"]} == {"new", "picked"}
    assert read(exported, "settings.json")["retrieval"]["as_of"] == "2026-02-01"


def test_checked_are_written_answers_and_choices(exported):
    """Three cases are recorded, of all kinds that the splits have, with what the run wrote down of them."""
    cases = read(exported, "check.json")["cases"]
    assert len(cases) == 3
    assert {key for case in cases for key in case["expected"]} == {"prompt", "passages", "text", "loglikelihoods"}
    assert all(len(case["expected"]["passages"]) == 2 for case in cases)


def test_every_file_is_in_the_sums(exported):
    """SHA256SUMS holds the hash of every other file."""
    sums = dict(
        reversed(line.split("  ")) for line in (exported / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    )
    found = {p.relative_to(exported).as_posix(): p for p in exported.rglob("*") if p.is_file()}
    assert found.keys() - sums.keys() == {"SHA256SUMS"}
    assert all(hashlib.sha256(found[name].read_bytes()).hexdigest() == sum_ for name, sum_ in sums.items())


def test_the_readme_tells_scores_and_origin(exported, made):
    """The README has the means with their intervals, the signature, the recipe and the base's hash."""
    text = (exported / "README.md").read_text(encoding="utf-8")
    comparison, run = read(made.run, "comparison.json"), read(made.run, "run.json")
    (cell,) = [
        c
        for c in comparison["cells"]
        if (c["variant"], c["split"], c["metric"]) == ("lora/rag-2", "picked", "accuracy")
    ]
    assert f"| `picked` | shifted | `accuracy` | {cell['mean']:.3f} | {cell['low']:.3f} to {cell['high']:.3f} |" in text
    assert run["signature"] in text
    assert run["base"]["hash"] in text
    assert "learning_rate: 0.01" in text


def test_no_text_names_a_place_on_this_machine(exported, tmp_path_factory):
    """Nothing that can be read in the export holds a path of the machine that wrote it."""
    for path in [*exported.glob("*"), *(exported / "model").glob("*.json"), exported / "retrieval/passages.jsonl"]:
        if path.is_file():
            assert str(tmp_path_factory.getbasetemp()) not in path.read_text(encoding="utf-8"), path.name


def test_what_is_exported_answers_alone(made, tmp_path):
    """Moved elsewhere, the folder answers in a process that can't import the harness; `@best` is the chosen alpha."""
    folder = export(made.run, "full@best/zero-shot", tmp_path / "full", cache=made.cache)
    moved = folder.rename(tmp_path / "moved")
    script = (
        "import sys, runpy; sys.modules['harness'] = None; sys.argv = ['answer.py', *sys.argv[1:]]; sys.path[0] = ''"
    )
    asked = ["Where is the Otter at home?", "--choices", "Brindle", "Corvo"]
    done = subprocess.run(
        [sys.executable, "-c", f"{script}; runpy.run_path('answer.py', run_name='__main__')", *asked],
        cwd=moved,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() in {"Brindle", "Corvo"}
    alpha = read(made.run, "run.json")["chosen"]["full@best/zero-shot, seed 0"]["alpha"]
    assert f"- alpha: {alpha:g}, which did best" in (moved / "README.md").read_text(encoding="utf-8")


def test_what_does_not_reproduce_is_not_kept(made, world, tmp_path):
    """Where the run recorded another answer than the export gives, ProofError names the case and no folder is left."""
    run = shutil.copytree(made.run, tmp_path / "run")
    path = run / "predictions/base/zero-shot/new.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    path.write_text("".join(json.dumps({**row, "text": "elsewhere"}) + "\n" for row in rows), encoding="utf-8")
    world.seal(run)
    with pytest.raises(ProofError, match="new-Otter: text"):
        export(run, "base/zero-shot", tmp_path / "exports" / "base", cache=made.cache)
    assert list((tmp_path / "exports").iterdir()) == []


def test_unknown_variant(made, tmp_path):
    """A name that the run hasn't got is told with the nearest one."""
    with pytest.raises(UnknownNameError, match="Did you mean 'base/zero-shot'"):
        export(made.run, "base/zero-sot", tmp_path / "out", cache=made.cache)


def test_folder_in_use(made, tmp_path):
    """A folder that holds anything is left as it is."""
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="new or an empty folder"):
        export(made.run, "base/zero-shot", tmp_path, cache=made.cache)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("kind", ["oracle", "random"])
def test_retrievers_that_only_compare(made, tmp_path, kind):
    """What retrieves by the cases' evidence or by chance has no use, and isn't exported."""
    with pytest.raises(InputError, match=f"the retriever {kind} is for comparing"):
        export(made.run, f"base/rag-2:{kind}", tmp_path / "out", cache=made.cache)


def test_weights_that_are_gone(made, tmp_path):
    """Weights that are no longer in the cache are named, with what to run."""
    with pytest.raises(InputError, match=r"weights of lora, seed 0 are no longer in the cache[\s\S]*harness compare"):
        export(made.run, "lora/rag-2", tmp_path / "out", cache=Cache(tmp_path / "empty"))
    assert not (tmp_path / "out").exists()


def test_another_embedder(made, world, tmp_path):
    """Where the run retrieved with another embedder or other settings than there are now, nothing is exported."""
    run = shutil.copytree(made.run, tmp_path / "run")
    manifest = read(run, "run.json")
    signature = re.sub("retrieval:[0-9a-f]+", "retrieval:00000000", manifest["signature"])
    (run / "run.json").write_text(json.dumps({**manifest, "signature": signature}), encoding="utf-8")
    world.seal(run)
    with pytest.raises(InputError, match="retrieved with another embedder"):
        export(run, "lora/rag-2", tmp_path / "out", cache=made.cache)
    assert not (tmp_path / "out").exists()


def test_a_seed_that_was_not_run(made, tmp_path):
    """A seed that the variant wasn't run with is told with those there are."""
    with pytest.raises(InputError, match=r"not run with seed 3\. Give one of these: 0"):
        export(made.run, "lora/rag-2", tmp_path / "out", seed=3, cache=made.cache)


def test_a_suite_that_has_changed(compared, harbour, tmp_path):
    """Where the suite isn't what was scored any more, nothing is exported."""
    path = harbour / "suite.yaml"
    text = path.read_text(encoding="utf-8")
    made = compared("base/zero-shot")
    path.write_text(f"{text}\ndescription: other\n", encoding="utf-8")
    try:
        with pytest.raises(InputError, match="the suite has changed since that run"):
            export(made.run, "base/zero-shot", tmp_path / "out", cache=made.cache)
    finally:
        path.write_text(text, encoding="utf-8")


def test_a_run_that_was_never_finished(tmp_path):
    """A run that was only begun has nothing to export."""
    (tmp_path / "run.json").write_text('{"schema": "harness.run/1"}', encoding="utf-8")
    with pytest.raises(InputError, match="never finished"):
        export(tmp_path, "base/zero-shot", tmp_path / "out")
