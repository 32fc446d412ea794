"""The libraries that the harness declares: those it needs, and those of each extra."""

import tomllib
from collections.abc import Iterator
from importlib.metadata import metadata, requires
from pathlib import Path
from typing import TYPE_CHECKING

from harness.pipeline.doctor.check import Check
from harness.runs import library_versions

if TYPE_CHECKING:
    from packaging.requirements import Requirement

CHECKOUT = Path(__file__).parents[3] / "pyproject.toml"
DEVELOPING = ("bench", "test")  # extras that nobody needs to use the harness


def required() -> Iterator[Check]:
    """One line for all that are as they should be, and one for each that isn't."""
    needed = _declared()[""]
    versions = library_versions([requirement.name for requirement in needed])
    fine = []
    for requirement in needed:
        version = versions[requirement.name]
        if _there(requirement, version):
            fine.append(f"{requirement.name} {version}")
            continue
        told = f"{version}, and {requirement.specifier} is needed" if version else "isn't installed"
        yield Check("libraries", requirement.name, "wrong", told, f'pip install "{_plain(requirement)}"')
    yield Check("libraries", "needed", "fine", f"{len(fine)} of {len(needed)} as needed: {', '.join(sorted(fine))}")


def extras() -> Iterator[Check]:
    """What is missing of each extra, or which versions are there."""
    declared = _declared()
    for extra in sorted(declared.keys() - {""}, key=lambda name: (name in DEVELOPING, name)):
        wanted = declared[extra]
        versions = library_versions([requirement.name for requirement in wanted])
        missing = [_plain(requirement) for requirement in wanted if not _there(requirement, versions[requirement.name])]
        if missing:
            purpose = " (to develop the harness)" if extra in DEVELOPING else ""
            told = f"lacks {', '.join(missing)}{purpose}"
            yield Check("extras", extra, "lacking", told, f'pip install "harness[{extra}]"')
        else:
            yield Check("extras", extra, "fine", ", ".join(f"{name} {version}" for name, version in versions.items()))


def _declared() -> "dict[str, list[Requirement]]":
    """What is required here, by extra, and without any under "".

    A checkout says it in its pyproject.toml, of which the metadata of an editable install may be an older copy.
    """
    from packaging.requirements import Requirement

    if CHECKOUT.is_file() and (project := tomllib.loads(CHECKOUT.read_text(encoding="utf-8"))["project"]):
        texts = {"": project["dependencies"], **project.get("optional-dependencies", {})}
        return {extra: [Requirement(text) for text in listed] for extra, listed in texts.items()}
    every = [Requirement(text) for text in requires("harness") or ()]

    def asked(requirement: Requirement, extra: str) -> bool:
        return requirement.marker is None or requirement.marker.evaluate({"extra": extra})

    always = [requirement for requirement in every if asked(requirement, "")]
    extras = metadata("harness").get_all("Provides-Extra") or ()
    return {"": always} | {
        extra: [one for one in every if asked(one, extra) and not asked(one, "")] for extra in extras
    }


def _there(requirement: "Requirement", version: str | None) -> bool:
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def _plain(requirement: "Requirement") -> str:
    """The requirement without its marker, as pip takes it."""
    chosen = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{chosen}{requirement.specifier}"
