import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Row = dict[str, Any]
MANIFEST = """
name: small
corpus: corpus.jsonl
splits:
  train: {kind: train, file: train.jsonl}
  test: {kind: in-domain, file: test.jsonl}
"""


def lines(rows: list[Row]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def write_suite(tmp_path: Path) -> Callable[..., Path]:
    """Writes a small valid suite, with the given files (name without suffix: rows or text) in place of its own."""

    def write(manifest: str = MANIFEST, **files: list[Row] | str) -> Path:
        content: dict[str, list[Row] | str] = {
            "train": [{"id": "t1", "question": "Who leads the Swan?", "references": ["Moss"]}],
            "test": [{"id": "c1", "question": "What carries the Swan?", "references": ["salt"], "evidence": ["swan"]}],
            "corpus": [{"id": "swan", "text": "The Swan carries salt."}],
        }
        folder = tmp_path / "small"
        folder.mkdir(exist_ok=True)
        (folder / "suite.yaml").write_text(manifest, encoding="utf-8")
        for name, rows in {**content, **files}.items():
            text = rows if isinstance(rows, str) else lines(rows)
            (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
        return folder

    return write
