"""The library's own task files of GSM8K and WinoGrande, over local copies of their real data, asked of a real model."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_lm_eval_tasks import Asked, assert_as_peer, peer

from harness.pipeline.lm_eval import load_lm_eval_suite
from harness.pipeline.tasks import test_tasks as tasks_of

SHARED = Path(__file__).parents[2].parent / "shared"
STORIES, GSM8K = SHARED / "models" / "stories260K", SHARED / "data" / "arithmetic" / "gsm8k"
WINOGRANDE = SHARED / "data" / "commonsense_mc" / "winogrande" / "test.json"
BLANK = re.compile(r"sentence: (.*)\n\nOption1: (.*) Option2: (.*) Answer format", re.DOTALL)

pytestmark = pytest.mark.skipif(
    not (STORIES.is_dir() and GSM8K.is_dir() and WINOGRANDE.is_file()),
    reason=f"the real data and the real model are not at {SHARED}",
)


def over_local_data(folder: Path, name: str, library_file: str, files: dict[str, Path]) -> Path:
    """A task file that takes all but the data from one of the library's own."""
    import lm_eval.tasks

    content = {
        "include": str(Path(lm_eval.tasks.__file__).parent / library_file),
        "task": name,
        "dataset_path": "json",
        "dataset_name": None,
        "dataset_kwargs": {
            "data_files": {split: str(path) for split, path in files.items()},
            "cache_dir": str(folder / "datasets"),
        },
    }
    folder.mkdir()
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder


def compared(name: str, folder: Path, suite: Path, root: Path, limit: int, shots: int) -> dict[str, Any]:
    """What the library says with its own model, after it was seen to be what the engine's answers come to."""
    tasks = tasks_of(load_lm_eval_suite(f"lm_eval:{name}", folder), (), limit)
    asked = Asked(suite, STORIES, root, tasks, f"base/few-shot-{shots}" if shots else "base/zero-shot")
    [answered] = asked.answers()
    expected = peer(STORIES, folder, name, shots, limit=limit)
    assert_as_peer(asked, answered, expected)
    return expected


@pytest.mark.parametrize("shots", [0, 5])
def test_gsm8k_is_asked_as_the_library_asks_it(shots, suite, tmp_path):
    """Real problems, with five worked examples longer than the window too: greedy texts and both extractions agree."""
    files = {split: tmp_path / f"{split}.jsonl" for split in ("train", "test")}
    for split, path in files.items():
        lines = (GSM8K / f"{split}.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(lines[:200]), encoding="utf-8")
    folder = over_local_data(tmp_path / "tasks", "gsm8k-local", "gsm8k/gsm8k.yaml", files)
    expected = compared("gsm8k-local", folder, suite, tmp_path, 8, shots)
    assert {sample["filter"] for sample in expected["samples"]["gsm8k-local"]} == {"strict-match", "flexible-extract"}


def test_winogrande_is_asked_as_the_library_asks_it(suite, tmp_path):
    """Real sentences, whose choices stand in the contexts, by the library's own functions."""
    rows = [
        {"sentence": found[1], "option1": found[2], "option2": found[3], "answer": row["answer"][-1]}
        for row in json.loads(WINOGRANDE.read_text(encoding="utf-8"))[:200]
        if (found := BLANK.search(row["instruction"])) and "_" in found[1]
    ]
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    folder = over_local_data(
        tmp_path / "tasks", "winogrande-local", "winogrande/default.yaml", {"train": data, "validation": data}
    )
    expected = compared("winogrande-local", folder, suite, tmp_path, 100, 0)
    assert 0.3 < expected["results"]["winogrande-local"]["acc,none"] < 0.7
