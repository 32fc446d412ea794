"""What the documents show is true: their commands run and their files load."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from harness.pipeline.config import CompareConfig
from harness.pipeline.plan import make_plan
from harness.suite import load_suite

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(page: str) -> Iterator[str]:
    """The `harness` commands in the bash blocks of a page, in order; installing and testing is for .ci/run."""
    for language, _, text in BLOCK.findall((ROOT / page).read_text(encoding="utf-8")):
        if language == "bash":
            yield from (line for line in text.splitlines() if line.startswith("harness "))


def test_the_commands_of_the_readme_run(tmp_path):
    """Every harness command of the README's bash blocks exits with 0, one after the other in one folder."""
    for folder in ("reports", "docs", "suites"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    # the environment that runs this test may not be activated
    here = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    shown = list(commands("README.md"))
    assert len(shown) >= 3
    for command in shown:
        done = subprocess.run(
            ["env", *shlex.split(command)], cwd=tmp_path, env=here, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def test_the_suite_of_the_documentation_loads(tmp_path):
    """The files that docs/suites.md shows make a valid suite."""
    for _, name, text in BLOCK.findall((ROOT / "docs/suites.md").read_text(encoding="utf-8")):
        if name:
            (tmp_path / name).write_text(text, encoding="utf-8")
    suite = load_suite(str(tmp_path))
    assert [split.name for split in suite.tests] == ["asked", "moved", "picked"]


def test_the_recipe_of_the_documentation_is_valid(tmp_path, monkeypatch):
    """The recipe that docs/recipes.md shows is found, and what it asks for can be done."""
    (name, text), *_ = [block[1:] for block in BLOCK.findall((ROOT / "docs/recipes.md").read_text(encoding="utf-8"))]
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters" / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    plan = make_plan(CompareConfig(suite="pocket", variants=("mine@best/rag-3",), tune=2))
    assert plan.recipes["mine"].training.micro_batch_size == 4


@pytest.mark.parametrize("page", sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*.md")))
def test_the_links_of_the_documents_lead_somewhere(page):
    """Relative links of a document point to files that exist."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert ((ROOT / page).parent / target).exists(), target


@pytest.mark.parametrize("script", sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*.sh")))
def test_the_shell_scripts_of_the_documents_are_valid(script):
    """Bash reads them without a complaint."""
    checked = subprocess.run(["bash", "-n", ROOT / script], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_the_ray_job_of_the_documents_names_options_that_exist():
    """Its YAML is valid, head and workers run one image, and the command line takes its options."""
    job = yaml.safe_load((ROOT / "docs/cluster/rayjob.yaml").read_text(encoding="utf-8"))["spec"]
    groups = [job["rayClusterSpec"]["headGroupSpec"], *job["rayClusterSpec"]["workerGroupSpecs"]]
    assert len({group["template"]["spec"]["containers"][0]["image"] for group in groups}) == 1
    _check_options(job["entrypoint"].split())


def test_the_slurm_script_of_the_documents_names_options_that_exist():
    """The command line takes its options."""
    text = (ROOT / "docs/cluster/slurm.sh").read_text(encoding="utf-8").replace("\\\n", " ")
    _check_options(text[text.index("harness compare") :].split())


def _check_options(words):
    """The options among `words` are those of `harness compare`."""
    import typer

    from harness.cli import app

    compare = typer.main.get_command(app).commands["compare"]
    known = {name for parameter in compare.params for name in parameter.opts}
    assert words[:2] == ["harness", "compare"]
    assert {word for word in words if word.startswith("--")} <= known
