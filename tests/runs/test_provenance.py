import getpass
import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from harness.runs import provenance


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_commit_and_dirty_flag(tmp_path: Path) -> None:
    """The commit is the folder's, and the flag says whether a tracked file differs from it."""
    git(tmp_path, "init")
    (tmp_path / "tracked").write_text("1")
    git(tmp_path, "add", "tracked")
    git(tmp_path, "commit", "-m", "first")
    (tmp_path / "untracked").touch()
    clean = provenance(tmp_path)
    assert (clean["commit"], clean["dirty"]) == (git(tmp_path, "rev-parse", "HEAD"), False)
    (tmp_path / "tracked").write_text("2")
    assert provenance(tmp_path)["dirty"] is True


@pytest.mark.parametrize("path", ["", "/nowhere"])
def test_without_git(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the git program the commit is unknown, and that is no error."""
    monkeypatch.setenv("PATH", path)
    found = provenance(tmp_path)
    assert (found["commit"], found["dirty"]) == (None, None)


def test_outside_a_repository(tmp_path: Path) -> None:
    """In a folder that is missing or in no repository the commit is unknown, and that is no error."""
    assert provenance(tmp_path)["commit"] is None
    assert provenance(tmp_path / "missing")["commit"] is None


def test_machine_and_versions() -> None:
    """Versions of the libraries that make the figures, and the machine's measures, are plain JSON."""
    found = json.loads(json.dumps(provenance()))
    assert found["python"] == platform.python_version()
    assert found["libraries"]["torch"]
    assert found["cores"] >= 1
    assert found["memory_bytes"] is None or found["memory_bytes"] > 1e8
    assert found["time"].endswith("+00:00")


def test_no_names_of_people_or_hosts(tmp_path: Path) -> None:
    """Neither the host's nor the user's name nor a path of the machine is recorded."""
    recorded = json.dumps({key: value for key, value in provenance(tmp_path).items() if key != "libraries"})
    for secret in (platform.node(), f'"{getpass.getuser()}"', str(tmp_path), str(Path.home()) + "/"):
        assert secret not in recorded


def test_imports_nothing_heavy() -> None:
    """Importing `harness.runs` and asking for provenance imports none of the libraries whose versions it tells."""
    code = (
        "import sys, harness.runs; harness.runs.provenance();"
        "print({'torch', 'numpy', 'transformers', 'faiss', 'sentence_transformers'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"
