"""Finds a suite by name or path, reads it, checks it, and hashes what was read."""

import hashlib
from collections.abc import Mapping
from os.path import isdir, isfile
from pathlib import Path

from harness._settings import read_yaml, validate
from harness._shipped import shipped
from harness.errors import InputError, UnknownNameError
from harness.suite.checks import problems
from harness.suite.files import SuiteFile
from harness.suite.read import SuiteReader
from harness.suite.records import Suite

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


def load_suite(name: str, data: Path | None = None) -> Suite:
    """The suite called `name` or at that path, checked; `data` is the folder of the data that it names and hasn't.

    Raises InputError that tells all mistakes at once, each with its place.
    """
    suite, found = examine_suite(name, data)
    if found:
        rest = [f"… and {len(found) - SHOWN_PROBLEMS} more"] if len(found) > SHOWN_PROBLEMS else []
        raise InputError("\n".join([f"The suite at {suite.path} can't be used:", *found[:SHOWN_PROBLEMS], *rest]))
    return suite


def examine_suite(name: str, data: Path | None = None) -> tuple[Suite, list[str]]:
    """What can be read of the suite called `name` or at that path, and every reason why it can't be used.

    Raises InputError where there is no such suite, or its `suite.yaml` can't be read.
    """
    folder = locate_suite(name)
    manifest = validate(read_yaml(folder / MANIFEST), SuiteFile, place=str(folder / MANIFEST))
    reader = SuiteReader(folder, manifest, data)
    splits, documents = reader.splits(), reader.documents()
    found = reader.problems()
    if not found:  # a broken line would be told twice, as a missing case or document too
        splits = reader.without_repeated(splits, documents)
        found = [f"{folder.name}: {text}" for text in problems(list(splits.values()), documents)]
    suite = Suite(
        name=manifest.name,
        path=folder,
        hash=_hash({MANIFEST: folder / MANIFEST, **reader.files}),
        description=manifest.description,
        splits=splits,
        documents=documents,
        retrieval=manifest.retrieval,
        prompt=manifest.prompt,
        decoding=manifest.decoding,
        base=manifest.base,
        sources=reader.sources,
        notes=reader.notes,
    )
    return suite, found


def _hash(files: Mapping[str, Path]) -> str:
    """SHA-256 over the names and bytes of the files that a suite was read from."""
    digest = hashlib.sha256()
    for name, path in files.items():
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
