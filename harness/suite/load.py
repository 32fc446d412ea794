"""Finds a suite by name or path, reads it, checks it, and hashes what was read."""

import hashlib
from os.path import isdir, isfile
from pathlib import Path

from harness._settings import read_yaml, validate
from harness._shipped import shipped
from harness.errors import InputError, UnknownNameError
from harness.suite.checks import problems
from harness.suite.files import AnyRecord, SuiteFile, inside, read_lines
from harness.suite.records import Case, Document, Split, Suite

MANIFEST = "suite.yaml"
SHOWN_PROBLEMS = 20


def suite_names() -> list[str]:
    """The names of the suites that come with the harness."""
    return sorted(path.parent.name for path in shipped("suites").glob(f"*/{MANIFEST}"))


def locate_suite(name: str) -> Path:
    """The folder of the suite at the path `name`, or else of the shipped one of that name; raises UnknownNameError."""
    for folder in (Path(name), shipped("suites") / name):
        if isfile(folder / MANIFEST):  # not Path.is_file, which raises for a name that no file can have
            return folder.resolve()
    if isdir(name):
        raise InputError(
            f"{name}: the folder has no {MANIFEST}, so it is no suite. Add one that names the suite and its splits."
        )
    raise UnknownNameError("suite", name, suite_names(), advice="Or give the path of a suite's folder.")


def load_suite(name: str) -> Suite:
    """The suite called `name` or at that path, checked.

    Raises InputError that tells all mistakes at once, each with its place.
    """
    folder = locate_suite(name)
    manifest = validate(read_yaml(folder / MANIFEST), SuiteFile, place=str(folder / MANIFEST))
    found: list[str] = []
    files = {split: inside(folder, entry.file, found) for split, entry in manifest.splits.items()}
    splits = {
        split: Split(split, entry.kind, _records(files[split], Case, found), entry.as_of)
        for split, entry in manifest.splits.items()
    }
    corpus = inside(folder, manifest.corpus, found) if manifest.corpus else None
    documents = _records(corpus, Document, found)
    if corpus and not documents and not found:
        found.append(f"{corpus}: holds no documents; add some, or leave `corpus` out of {MANIFEST}")
    if not found:  # a broken line would be told twice, as a missing case or document too
        found = [f"{folder.name}: {text}" for text in problems(list(splits.values()), documents)]
    if found:
        rest = [f"… and {len(found) - SHOWN_PROBLEMS} more"] if len(found) > SHOWN_PROBLEMS else []
        raise InputError("\n".join([f"The suite at {folder} can't be used:", *found[:SHOWN_PROBLEMS], *rest]))
    return Suite(
        name=manifest.name,
        path=folder,
        hash=_hash(folder, [folder / MANIFEST, *sorted({path for path in (*files.values(), corpus) if path})]),
        description=manifest.description,
        splits=splits,
        documents=documents,
        prompt=manifest.prompt,
        decoding=manifest.decoding,
        base=manifest.base,
    )


def _records(path: Path | None, model: type[AnyRecord], found: list[str]) -> tuple[AnyRecord, ...]:
    return tuple(read_lines(path, model, found)) if path else ()


def _hash(folder: Path, paths: list[Path]) -> str:
    """SHA-256 over the names and bytes of the files that a suite was read from."""
    digest = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
