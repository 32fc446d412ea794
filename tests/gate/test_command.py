"""`harness gate` as people and workflows call it."""

import json
import os
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
import yaml

from harness.gate import read_rules

DOCS = Path(__file__).parents[2] / "docs"


def run(command, folder, **environment):
    """What `command`, a line of a shell, does in `folder`, with the harness of this environment first on the path."""
    here = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    here["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), here["PATH"]])
    return subprocess.run(
        ["bash", "-ec", command], cwd=folder, env=here | environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def folder(store, scores, world, tmp_path):
    """A folder with a run, one that is worse, and the baseline file of the first."""
    store("run", scores)
    store("worse", {**scores, "base/rag-3": {"in_domain": world.hits(50), "paraphrase": world.hits(75)}})
    assert run("harness gate run --baseline baseline.json --update", tmp_path).returncode == 0
    return tmp_path


def test_exit_codes(folder, world):
    """0 passes, 1 fails, 2 is not comparable or bad input."""
    assert run("harness gate run --baseline baseline.json", folder).returncode == 0
    assert run("harness gate worse --baseline baseline.json", folder).returncode == 1
    assert run("harness gate nowhere --baseline baseline.json", folder).returncode == 2
    assert run("harness gate run", folder).returncode == 2
    shutil.copytree(folder / "run", folder / "other")
    text = (folder / "other" / "comparison.json").read_text()
    (folder / "other" / "comparison.json").write_text(text.replace("5u17e", "0ther"))
    edited = run("harness gate other --baseline baseline.json", folder)
    assert (edited.returncode, "other/comparison.json: has other bytes" in edited.stderr) == (2, True)
    costs = (folder / "other" / "costs.json").read_text()
    hashes = [sha256(told.encode()).hexdigest() for told in (text, text.replace("5u17e", "0ther"))]
    (folder / "other" / "costs.json").write_text(costs.replace(*hashes))
    world.seal(folder / "other")
    refused = run("harness gate other --baseline baseline.json --junit gate.xml", folder)
    assert refused.returncode == 2
    assert "--accept suite" in refused.stderr
    assert "<error" in (folder / "gate.xml").read_text()
    assert run("harness gate other --baseline baseline.json --accept suite", folder).returncode == 0


def test_on_unknown(folder):
    """What can't be told fails, unless it is told to pass."""
    (folder / "gate.yaml").write_text("rules: [{margin: 0.005}]\n")
    command = "harness gate run --baseline baseline.json --rules gate.yaml"
    assert run(command, folder).returncode == 1
    assert run(f"{command} --on-unknown pass", folder).returncode == 0


def test_calibrate_writes_rules_that_are_read(folder):
    """The rules that --calibrate proposes are a file for --rules."""
    shutil.copytree(folder / "run", folder / "again")
    done = run("harness gate run again --calibrate --write gate.yaml", folder)
    assert done.returncode == 0, done.stderr
    assert "Proposed: margin" in done.stdout
    assert run("harness gate run --baseline run --rules gate.yaml", folder).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("--calibrate run worse --baseline baseline.json --junit gate.xml", "has no use for --baseline, --junit"),
        ("run --baseline new.json --update --rules gate.yaml", "has no use for --rules"),
        ("run --baseline baseline.json --write gate.yaml", "has no use for --write"),
        ("--calibrate run ./run", "names a run twice"),
        ("run worse --baseline baseline.json", "was given 2 and one"),
    ],
)
def test_options_that_would_do_nothing_are_refused(folder, arguments, told):
    """What is asked for and would silently not be done is bad input."""
    done = run(f"harness gate {arguments}", folder)
    assert done.returncode == 2
    assert told in done.stderr
    assert not (folder / "new.json").exists()


def test_an_update_writes_over_nothing_but_a_baseline(folder):
    """A baseline, even a broken one, is replaced; any other file stays."""
    kept = (folder / "run" / "comparison.json").read_bytes()
    refused = run("harness gate run --baseline run/comparison.json --update", folder)
    assert refused.returncode == 2
    assert "is no baseline" in refused.stderr
    assert (folder / "run" / "comparison.json").read_bytes() == kept
    (folder / "baseline.json").write_bytes((folder / "baseline.json").read_bytes()[:100])
    assert run("harness gate worse --baseline baseline.json --update", folder).returncode == 0


def test_an_error_is_shown_as_it_is_written(folder, world):
    """`:100:` in a message is a line of a file and no emoji, and a name with an escape sequence moves no terminal."""
    lines = (folder / "run" / "scores.jsonl").read_text().splitlines()
    lines[99] = "{"
    (folder / "run" / "scores.jsonl").write_text("\n".join(lines))
    world.seal(folder / "run")
    told = run("harness gate run --baseline baseline.json", folder).stderr
    assert "run/scores.jsonl:100: Invalid JSON" in told
    (folder / "gate.yaml").write_text("rules: [{variants: nothing, margin: 0.1}]\n")
    text = (folder / "baseline.json").read_text().replace("base/rag-3", "\\u001b[31m\\n::error::x")
    (folder / "baseline.json").write_text(text)
    told = run("harness gate worse --baseline baseline.json --rules gate.yaml", folder).stderr
    assert "?[31m?::error::x" in told
    assert "\x1b" not in told


def test_names_can_not_command_the_log(folder, store, world):
    """No line of the output begins with what GitHub would obey, however narrow the terminal and hostile the name."""
    name = "full ::add-mask::secret/" + "zero-shot ::error::x " * 5
    before, after = ({name: {"in_domain": world.hits(right)}} for right in (90, 10))
    store("a", before)
    store("b", after)
    done = run("harness gate b --baseline a", folder, COLUMNS="40", GITHUB_ACTIONS="true")
    assert done.returncode == 1
    commands = [line for line in done.stdout.splitlines() if line.strip().startswith("::")]
    assert all(line.startswith("::error title=harness gate%3A ") for line in commands)


def test_a_copied_run_needs_no_torch(folder):
    """What a gate reads lies in the folder, wherever that is, and no model library is loaded for it."""
    moved = folder / "elsewhere"
    moved.mkdir()
    for name in ("run.json", "comparison.json", "costs.json", "scores.jsonl", "cases.jsonl"):
        shutil.copy(folder / "run" / name, moved / name)
    code = (
        "import sys; from pathlib import Path; from harness.gate import gate; "
        "assert gate(Path('elsewhere'), Path('baseline.json')).passed; "
        "print(*sorted({'torch', 'transformers', 'scipy.stats', 'altair'} & set(sys.modules)))"
    )
    done = run(f'python -c "{code}"', folder)
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_the_steps_of_the_workflows_run(tmp_path):
    """The ready workflow files compare and gate a real suite, GitLab's by the same commands as GitHub's."""
    github = yaml.safe_load((DOCS / "ci/github.yaml").read_text())["jobs"]["gate"]["steps"]
    gitlab = yaml.safe_load((DOCS / "ci/gitlab.yaml").read_text())["gate"]
    commands = [step["run"] for step in github if "run" in step]
    assert commands == gitlab["before_script"] + gitlab["script"]
    install, compare, *steps = commands
    assert install == "pip install -c constraints.txt ."  # done: this environment is what it makes
    for name, text in _files().items():
        (tmp_path / name).write_text(text)
    here = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"), "HARNESS_CACHE": str(tmp_path / "cache")}
    for step in [compare, "harness gate run --baseline baseline.json --update", *steps]:
        done = run(step, tmp_path, **here)
        assert done.returncode == 0, f"{step}\n{done.stdout}\n{done.stderr}"
    assert "## Gate: PASS" in (tmp_path / "summary.md").read_text()
    assert json.loads((tmp_path / "gate.json").read_text())["outcome"] == "pass"


def test_the_rules_of_the_documentation_are_valid(tmp_path):
    """The rules that docs/ci.md shows can be read."""
    (tmp_path / "gate.yaml").write_text(_files()["gate.yaml"])
    assert len(read_rules(tmp_path / "gate.yaml").rules) == 4


def _files():
    """The files that docs/ci.md shows, by name."""
    blocks = re.findall(r"^```\w+ file=(\S+)\n(.*?)^```", (DOCS / "ci.md").read_text(), re.MULTILINE | re.DOTALL)
    return dict(blocks)
