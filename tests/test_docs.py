"""What the documents show is true: their commands run and their files load."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import yaml

from harness.cli import app
from harness.pipeline.config import CompareConfig
from harness.pipeline.plan import make_plan
from harness.suite import load_suite
from harness.weights import load_recipe, method_of

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "adapters/*.md", "benchmarks/*.md", "suites/**/*.md")
    for path in ROOT.glob(pattern)
)
OF_OTHERS = {"--config_file", "--mixed_precision", "--multi_gpu", "--quick", "--standalone"}  # launchers, benchmarks
BLOCK = re.compile(r"^```(\w*)(?: file=(\S+))?\n(.*?)^```", re.MULTILINE | re.DOTALL)


def options_of(command, name=""):
    """The options of a command and of its subcommands, by their full names."""
    if subcommands := getattr(command, "commands", {}):
        return {
            key: names for sub in subcommands for key, names in options_of(subcommands[sub], f"{name} {sub}").items()
        }
    named = (option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts))
    return {name.strip(): {"--help", *named}}


OPTIONS = options_of(typer.main.get_command(app))
GROUPS = {name.split()[0] for name in OPTIONS if " " in name}


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


def test_the_recipe_of_a_provider_is_valid(tmp_path, monkeypatch):
    """The recipe that docs/api-finetune.md shows is found, and its settings are those of its method."""
    page = (ROOT / "docs/api-finetune.md").read_text(encoding="utf-8")
    ((name, text),) = [(name, text) for _, name, text in BLOCK.findall(page) if name]
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters" / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    _, settings = method_of(load_recipe("ports"))
    assert (settings.suffix, settings.validation, settings.keep_files) == ("ports", True, False)


@pytest.mark.parametrize("page", PAGES)
def test_the_links_of_the_documents_lead_somewhere(page):
    """Relative links of a document point to files that exist."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert ((ROOT / page).parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_and_options_of_the_documents_exist(page):
    """What a document shows behind `harness` is a command, and its options are that command's."""
    text = (ROOT / page).read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = [line for _, _, block in BLOCK.findall(text) for line in block.splitlines()]
    quoted = [code.replace("\n", " ") for code in re.findall(r"`([^`]+)`", BLOCK.sub("", text))]
    for line in blocks + quoted:
        if shown := re.search(r"(?:^|[\s'])harness ([a-z][^#|]*)", line):
            assert _unknown(shown[1].split()) == set(), line
    alone = {code.split()[0].partition("=")[0] for code in quoted if code.startswith("--")}
    assert alone <= set().union(*OPTIONS.values()) | OF_OTHERS


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
    assert words[:2] == ["harness", "compare"]
    assert _unknown(words[1:]) == set()


def _unknown(words):
    """Of `words`, a command and what follows it, the options that it doesn't have; or the command if there is none."""
    name = " ".join(words[:2]) if words[0] in GROUPS else words[0]
    options = {word.partition("=")[0] for word in words if re.match("--[a-z]", word)}
    return options - OPTIONS[name] if name in OPTIONS else {name}
