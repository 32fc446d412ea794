"""`accelerate launch --module harness compare`, unchanged: two processes train, and one of them runs and speaks."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from harness.comparison import read_rows
from harness.pipeline import run_comparison
from harness.pipeline.config import load_config
from harness.runs import Cache
from harness.weights import read_record

LAUNCH = (sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2")
MARK = "HARNESS_TEST_MARK"


@pytest.fixture
def marked(tmp_path: Path) -> dict[str, str]:
    """An environment by which the processes that the test starts are known."""
    mine = {MARK: str(tmp_path), "HARNESS_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    return {**os.environ, **mine, "HARNESS_LINEAR": "torch"}


def left_behind(mark: str) -> Iterator[int]:
    """The processes, by number, whose environment has the mark."""
    for place in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{MARK}={mark}".encode() in place.read_bytes():
                yield int(place.parent.name)
        except OSError:
            continue  # ended meanwhile, or not ours to read


def launched(environment: dict[str, str], arguments: Sequence[str | Path]) -> "subprocess.CompletedProcess[str]":
    command = [*LAUNCH, "--main_process_port", "0", "--module", "harness", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_two_processes_give_the_scores_of_one(
    suite: Path, tiny_base: Path, tmp_path: Path, marked: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only one of them speaks, the artifact says that two trained it, and no process is left behind."""
    options = {"suite": str(suite), "model": str(tiny_base), "variants": ("base/zero-shot", "lora/zero-shot")}
    arguments = [suite, "--model", tiny_base, "--variants", ",".join(options["variants"]), "--out", tmp_path / "two"]
    done = launched(marked, ["compare", *arguments])
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Run folder") == 1
    assert list(left_behind(str(tmp_path))) == []
    (made,) = (tmp_path / "cache" / "weights").glob("*/files")
    assert read_record(made)["processes"] == {"count": 2, "strategy": "ddp"}
    monkeypatch.setenv("HARNESS_LINEAR", "torch")
    alone = run_comparison(load_config(None, {**options, "out": tmp_path / "one"}), cache=Cache(tmp_path / "alone"))
    assert read_rows(tmp_path / "two") == read_rows(alone.run)


def test_a_launch_that_cannot_be_trained_with_is_refused_by_one_message(tmp_path: Path, marked: dict[str, str]) -> None:
    """Before anything is read, and every process ends."""
    done = launched({**marked, "ACCELERATE_USE_DEEPSPEED": "true"}, ["compare", tmp_path])
    assert done.returncode != 0
    assert done.stderr.count("error: accelerate is configured for DeepSpeed") == 1
    assert list(left_behind(str(tmp_path))) == []
