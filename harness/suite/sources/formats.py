"""The formats that rows are read from, by name. A new one is one new file and one line here."""

from pathlib import PurePosixPath

from harness.errors import InputError, UnknownNameError
from harness.suite.sources.beir import BEIR
from harness.suite.sources.dyknow import DYKNOW, DYKNOW_PASSAGES, DYKNOW_STATEMENTS
from harness.suite.sources.folder_files import FOLDER
from harness.suite.sources.json_files import JSON, JSON_LINES
from harness.suite.sources.llm_adapters import LLM_ADAPTERS
from harness.suite.sources.parquet import PARQUET
from harness.suite.sources.rows import Format
from harness.suite.sources.squad import SQUAD
from harness.suite.sources.tables import CSV, TSV

FORMATS: dict[str, Format] = {
    "beir": BEIR,
    "csv": CSV,
    "dyknow": DYKNOW,
    "dyknow-passages": DYKNOW_PASSAGES,
    "dyknow-statements": DYKNOW_STATEMENTS,
    "folder": FOLDER,
    "json": JSON,
    "jsonl": JSON_LINES,
    "llm-adapters": LLM_ADAPTERS,
    "parquet": PARQUET,
    "squad": SQUAD,
    "tsv": TSV,
}
_SUFFIXES = {"csv": "csv", "json": "json", "jsonl": "jsonl", "ndjson": "jsonl", "parquet": "parquet", "tsv": "tsv"}


def format_of(name: str, stated: str | None) -> Format:
    """The format that a selection states, or else that of the file's suffix; raises InputError."""
    if stated:
        if stated not in FORMATS:
            raise UnknownNameError("format", stated, FORMATS)
        return FORMATS[stated]
    suffix = PurePosixPath(name).suffix.removeprefix(".").lower()
    if suffix not in _SUFFIXES:
        raise InputError(f"{name!r} has no suffix that says its format; give `format`, one of {', '.join(FORMATS)}")
    return FORMATS[_SUFFIXES[suffix]]
