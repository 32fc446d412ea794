"""Writes a suite's folder, whole or not at all, with a README that says how it was made."""

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from harness.errors import InputError
from harness.runs.storage import PART, storage_errors, sync_tree
from harness.suite.files import FileName
from harness.suite.load import MANIFEST, load_suite
from harness.suite.records import Document, Split
from harness.suite.scaffold.readme import Description, description, readme

_FEW_WORDS = 5
_FEWEST_TOKENS, _MOST_TOKENS = 16, 256


def check_place(name: str, place: Path) -> None:
    """Raises InputError if `name` can't name a suite, or if something stands at `place` or nothing can."""
    try:
        TypeAdapter(FileName).validate_python(name)
    except ValidationError:
        raise InputError(
            f"{name!r} can't be a suite's name, which becomes the name of files. Take letters, digits, `.`, `_`, `-`."
        ) from None
    if os.path.lexists(place):
        raise InputError(f"{place}: stands there already and isn't overwritten. Give another name, or --out FOLDER.")
    if not place.absolute().parent.is_dir():
        raise InputError(f"{place}: there is no folder {place.parent} to put it in. Make it, or give another --out.")


def write_suite(place: Path, about: Description, splits: Sequence[Split], documents: Sequence[Document]) -> None:
    """Writes the suite beside `place`, loads it to see that it is sound, and only then gives it its name.

    Raises InputError for content that no suite may have, and CacheError for a place that can't be written.
    """
    unfinished = place.with_name(f".{place.name}.{os.getpid()}{PART}")
    try:
        with storage_errors(place, "the suite", "Free some space, or give another --out."):
            unfinished.mkdir()
            _write_lines(unfinished / "corpus.jsonl", documents)
            for split in splits:
                _write_lines(unfinished / f"{split.name}.jsonl", split.cases)
            (unfinished / MANIFEST).write_text(_manifest(about, splits, len(documents)), encoding="utf-8")
            (unfinished / "README.md").write_text(readme(about, splits, len(documents)), encoding="utf-8")
            _check(unfinished, place)
            sync_tree(unfinished)
            unfinished.rename(place)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _check(unfinished: Path, place: Path) -> None:
    try:
        load_suite(str(unfinished))
    except InputError as error:
        raise InputError(str(error).replace(str(unfinished.resolve()), str(place))) from None


def _write_lines(path: Path, records: Iterable[BaseModel]) -> None:
    rows = (record.model_dump(mode="json", exclude_defaults=True) for record in records)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _manifest(about: Description, splits: Sequence[Split], documents: int) -> str:
    cases = [case for split in splits for case in split.cases]
    words = median(len(case.references[0].split()) for case in cases)
    short = words <= _FEW_WORDS and not any(case.choices for case in cases)
    longest = max(len(reference) for case in cases for reference in case.references)
    content = {
        "name": about.name,
        "description": description(about, documents),
        **({"prompt": {"instruction": "Answer with a few words."}} if short else {}),
        "decoding": {"max_new_tokens": max(_FEWEST_TOKENS, min(_MOST_TOKENS, longest // 2))},
        "corpus": "corpus.jsonl",
        "splits": {split.name: {"kind": split.kind, "file": f"{split.name}.jsonl"} for split in splits},
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
