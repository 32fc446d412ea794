"""The suites that only teach: the facts of the pocket suite in other wordings and amounts, written as files.

An experiment trains on one of them in place of the pocket suite's own train cases. Knows nothing of recipes.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from harness.comparison import write_text
from harness.suite import Case, Document, Suite

_FIRST_WORDING = "train-0-"  # how the ids of train cases begin that ask for a fact in the first of its wordings


@dataclass(frozen=True)
class Teaching:
    """The folders of the suites, and the ids of the documents of which `uneven` tells less.

    `documents` has no questions but the corpus with the new ships in it, `one_wording` asks for each fact once, and
    `uneven` so for every other ship, for the others as often as the pocket suite does.
    """

    documents: Path
    one_wording: Path
    uneven: Path
    rare: frozenset[str]


def write_teaching(pocket: Suite, folder: Path) -> Teaching:
    """Writes the suites under `folder`; raises CacheError if that can't be done."""
    once = [case for case in pocket.train if case.id.startswith(_FIRST_WORDING)]
    rare = frozenset(sorted({_subject(case) for case in once})[::2])
    uneven = [case for case in pocket.train if case.id.startswith(_FIRST_WORDING) or _subject(case) not in rare]
    told = [
        document.model_copy(update={"valid_from": None, "valid_until": None})
        for document in pocket.corpus(pocket.splits["new_facts"].as_of)
    ]
    return Teaching(
        documents=_write(folder / "documents", pocket, documents=told),
        one_wording=_write(folder / "one-wording", pocket, train=once),
        uneven=_write(folder / "uneven", pocket, train=uneven),
        rare=rare,
    )


def asks_for(case: Case, subjects: frozenset[str]) -> bool:
    """Whether the answer to `case` stands in one of these documents."""
    return _subject(case) in subjects


def _subject(case: Case) -> str:
    return case.evidence[0].document


def _write(folder: Path, pocket: Suite, *, train: Iterable[Case] = (), documents: Iterable[Document] = ()) -> Path:
    """A suite of what is taught; a suite needs a test split too, which is the pocket suite's retention."""
    parts: dict[str, list[Any]] = {
        "corpus": list(documents),
        "train": [case.model_copy(update={"evidence": ()}) for case in train],
        "retention": list(pocket.splits["retention"].cases),
    }
    written = {name: rows for name, rows in parts.items() if rows}
    manifest: dict[str, Any] = {
        "name": folder.name,
        "prompt": pocket.prompt.model_dump(mode="json"),
        "decoding": pocket.decoding.model_dump(mode="json"),
        "splits": {name: {"kind": name, "file": f"{name}.jsonl"} for name in written if name != "corpus"},
    }
    if "corpus" in written:
        manifest["corpus"] = "corpus.jsonl"
    write_text(folder / "suite.yaml", json.dumps(manifest, indent=2) + "\n")  # JSON is YAML too
    for name, rows in written.items():
        write_text(folder / f"{name}.jsonl", "".join(map(_line, rows)))
    return folder


def _line(row: BaseModel) -> str:
    return row.model_dump_json(exclude_defaults=True) + "\n"
