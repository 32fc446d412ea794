"""Writes a gate's result to where CI systems look for it. Knows nothing of what it says."""

import os
from collections.abc import Mapping
from pathlib import Path

from harness.comparison import write_text
from harness.errors import CacheError
from harness.gate.github import annotations, step_summary
from harness.gate.junit import junit
from harness.gate.records import GateResult


def publish(
    result: GateResult,
    *,
    junit_file: Path | None = None,
    summary_file: Path | None = None,
    json_file: Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> list[str]:
    """Write `result` to the files that are named, and return the lines that GitHub reads from the log, if it is there.

    `summary_file` is added to, as GitHub wants it; where none is named it is the one of GITHUB_STEP_SUMMARY. Raises
    CacheError if one can't be written.
    """
    if junit_file is not None:
        write_text(junit_file, junit(result))
    if json_file is not None:
        write_text(json_file, result.model_dump_json(indent=2) + "\n")
    named = environment.get("GITHUB_STEP_SUMMARY")
    summary_file = summary_file or (Path(named) if named else None)
    if summary_file is not None:
        _add(summary_file, step_summary(result))
    return list(annotations(result)) if environment.get("GITHUB_ACTIONS") == "true" else []


def _add(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise CacheError(f"{path}: can't be written ({error.strerror}). Choose another file for --summary.") from None
