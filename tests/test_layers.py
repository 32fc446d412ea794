"""The one direction: no stage imports a later one, and most stages import no other at all."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "harness"
STAGES = (
    *("suite", "variants", "retrieval", "weights", "prompting", "inference", "scoring", "comparison"),
    *("gate", "reporting", "pipeline", "commands", "cli", "__main__"),
)
BOTTOM = {
    *("errors", "_after_import", "_hub", "_memory", "_quiet", "_secrets", "_settings", "_shipped", "_templates"),
    *("api", "kernels", "runs"),
}
MAY_IMPORT = {
    "errors": set(),
    "_after_import": set(),
    "_hub": {"errors"},
    "_memory": set(),
    "_quiet": set(),
    "_secrets": set(),
    "_shipped": set(),
    "_settings": {"errors"},
    "_templates": {"errors"},
    "api": {"errors", "_secrets"},
    "kernels": {"errors"},
    "runs": {"errors", "_secrets"},
    # What a stage may import beside the bottom. Stages hand one another records on disk or plain values, which
    # the pipeline carries: so most need no other, and what a stage "knows nothing of" it can't even name.
    "suite": set(),
    "variants": set(),
    "retrieval": set(),
    "weights": set(),
    "prompting": set(),
    "inference": set(),
    "scoring": set(),
    "comparison": set(),
    "gate": {"comparison"},
    "reporting": {"suite", "prompting", "comparison"},
    "pipeline": {*STAGES[: STAGES.index("gate")]},
    "commands": {"suite", "comparison", "gate", "reporting", "pipeline"},
    "cli": {"commands"},
    "__main__": {"cli"},
}
HEAVY = {
    "bitsandbytes",
    "torch",
    "transformers",
    "peft",
    "sentence_transformers",
    "faiss",
    "evaluate",
    "datasets",
    "accelerate",
}
WITHOUT_HEAVY = (
    "errors",
    "_settings",
    "_shipped",
    "_templates",
    "api",
    "runs",
    "suite",
    "variants",
    "comparison",
    "gate",
    "reporting",
    "commands",
    "cli",
)


def modules() -> list[tuple[str, Path]]:
    """Every module of the package but its own __init__, with its dotted name."""
    return [
        (".".join(("harness", *path.relative_to(PACKAGE).with_suffix("").parts)), path)
        for path in sorted(PACKAGE.rglob("*.py"))
        if path != PACKAGE / "__init__.py"
    ]


def imported(source: str, module: str) -> Iterator[str]:
    """The dotted names that `source`, the text of `module`, imports anywhere: in functions and for types too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: -node.level] if node.level else []
            start = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{start}.{alias.name}" for alias in node.names)


def stages_imported(source: str, module: str) -> set[str]:
    """The parts of the harness, other than its own, that a module imports."""
    parts = (name.split(".") for name in imported(source, module))
    return {part[1] for part in parts if part[0] == "harness" and len(part) > 1} - {module.split(".")[1]}


def test_table_is_complete() -> None:
    """Every part of the package is in the table, and the table holds no other."""
    assert {name.split(".")[1] for name, _ in modules()} == set(MAY_IMPORT) == {*STAGES, *BOTTOM}


def test_table_has_one_direction() -> None:
    """The table itself lets no stage import a later one, and the bottom no stage."""
    for place, stage in enumerate(STAGES):
        assert MAY_IMPORT[stage] <= set(STAGES[:place])
    for part in BOTTOM:
        assert MAY_IMPORT[part] <= BOTTOM


@pytest.mark.parametrize(("module", "path"), modules(), ids=[name for name, _ in modules()])
def test_imports(module: str, path: Path) -> None:
    """The module imports only what its stage may, and the bottom."""
    stage = module.split(".")[1]
    allowed = MAY_IMPORT[stage] | ({"__version__"} | BOTTOM if stage in STAGES else set())
    found = stages_imported(path.read_text(encoding="utf-8"), module)
    assert found <= allowed, f"{module} must not import {', '.join(sorted(found - allowed))}"


@pytest.mark.parametrize("part", WITHOUT_HEAVY)
def test_no_heavy_library_by_name(part: str) -> None:
    """The part imports no model library anywhere, not even inside a function."""
    for module, path in modules():
        if module.split(".")[1] == part:
            roots = {name.split(".")[0] for name in imported(path.read_text(encoding="utf-8"), module)}
            assert not roots & HEAVY, f"{module} must not import {', '.join(sorted(roots & HEAVY))}"


@pytest.mark.parametrize("part", [*(part for part in WITHOUT_HEAVY if part in (*STAGES, "runs")), "prompting"])
def test_no_heavy_library_is_loaded(part: str) -> None:
    """Importing the part leaves the model libraries unloaded, whatever it imports in turn."""
    code = f"import sys, harness.{part}; print(*sorted(set(sys.modules) & {HEAVY!r}))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert loaded == []


@pytest.mark.parametrize(
    ("source", "stages"),
    [
        ("import harness.gate", {"gate"}),
        ("import harness.gate.rules as r, json", {"gate"}),
        ("from harness import gate, cli", {"gate", "cli"}),
        ("from harness.gate.rules import Rules", {"gate"}),
        ("from ..gate import Rules", {"gate"}),
        ("from .. import gate", {"gate"}),
        ("from .checks import x\nfrom harness.suite.checks import y", set()),
        ("def f():\n    from harness.gate import Rules", {"gate"}),
        ("if TYPE_CHECKING:\n    import harness.gate", {"gate"}),
        ("# import harness.gate\n'import harness.gate'", set()),
    ],
)
def test_the_walk_sees(source: str, stages: set[str]) -> None:
    """The walk finds every way of importing a stage, and nothing that only looks like one."""
    assert stages_imported(source, "harness.suite.load") == stages
