"""Writes one variant of a run for use: a folder that answers on its own, whole and checked, or no folder at all."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from harness.errors import InputError, ProofError
from harness.pipeline.corpora import Corpora
from harness.pipeline.export.cases import recorded_cases
from harness.pipeline.export.model import Written, write_model
from harness.pipeline.export.passages import newest, write_passages
from harness.pipeline.export.readme import readme
from harness.pipeline.export.source import Source, open_source
from harness.pipeline.find import Finder
from harness.pipeline.prompts import Prompts
from harness.pipeline.tasks import Task
from harness.runs import Cache, library_versions
from harness.runs.fingerprint import file_hashes
from harness.runs.progress import Progress, Silent
from harness.runs.storage import storage_errors, sync_tree
from harness.weights import window

SCHEMA = "harness.export/1"
SUMS = "SHA256SUMS"
REMEDY = "Free space there, or choose another folder."
STANDALONE = Path(__file__).parent / "standalone"
WORDS = Path(__file__).parents[2] / "retrieval" / "words.py"  # needs nothing of the harness
PER = {"accuracy_per_byte": "bytes", "accuracy_per_token": "tokens"}
STEPS = 4


def export(
    run: Path,
    variant: str,
    folder: Path,
    *,
    seed: int = 0,
    cache: Cache | None = None,
    progress: Progress | None = None,
) -> Path:
    """Writes `variant` of `run`, as trained or drawn with `seed`, to `folder`, which is new or empty; returns it.

    Raises InputError for what can't be exported, CacheError where it can't be stored, and ProofError where the
    exported folder, in a process of its own, doesn't answer as the run recorded it. `folder` then stays as it was.
    """
    cache, progress = cache or Cache(), progress or Silent()
    folder = folder.absolute()
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(f"{folder}: is there already, and an export would mix with it. Give a new or an empty folder.")
    source = open_source(run, variant, seed, cache)
    building = folder.with_name(f".{folder.name}.{os.getpid()}.building")
    try:
        with storage_errors(folder.parent, "the export", REMEDY), progress.task(f"export {variant}", STEPS) as advance:
            building.mkdir(parents=True)
            written = write_model(source, building)
            advance(1)
            prompts = Prompts(source.plan, Finder(source.plan, cache, progress))
            settings = _write_settings(source, Corpora(source.plan, cache, progress), prompts, written, building)
            advance(1)
            prove(variant, building)
            advance(1)
            _write_text(building / "README.md", readme(source, written, settings, building))
            sums = "".join(f"{sha256}  {name}\n" for name, sha256 in file_hashes(building).items())
            _write_text(building / SUMS, sums)
            sync_tree(building)
            if folder.exists():
                folder.rmdir()
            building.rename(folder)
            advance(1)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return folder


def prove(variant: str, folder: Path) -> None:
    """Answers the recorded cases from `folder` alone, in a fresh process; raises ProofError where anything differs."""
    alone = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "answer.py", "--check"], cwd=folder, env=alone, capture_output=True, text=True, check=False
    )
    if done.returncode:
        told = (done.stdout.strip() or done.stderr.strip()).splitlines()[-10:]
        raise ProofError(
            "\n".join([f"{variant}: exported, it doesn't answer as it was scored, so it isn't kept.", *told])
            + "\nWhere libraries or hardware are others than in that run, repeat the run here and export from that."
        )


def _write_settings(
    source: Source, corpora: Corpora, prompts: Prompts, written: Written, folder: Path
) -> dict[str, Any]:
    """Writes all but model, README and sums; returns the settings that answer.py reads."""
    plan, context = source.plan, source.variant.context
    tasks = [task for task in plan.tasks if task.suite is plan.suite]
    retrieval = None
    if context.passages:
        as_of = newest(tasks)
        revision = corpora.revision(plan.suite, as_of)
        tasks = [task for task in tasks if corpora.revision(plan.suite, task.split.as_of) is revision]
        retrieval = write_passages(source, corpora, as_of, folder / "retrieval")
        shutil.copyfile(STANDALONE / "find.py", folder / "find.py")
        if (folder / "retrieval" / "bm25").exists():
            shutil.copyfile(WORDS, folder / "words.py")
    for name in ("answer.py", "assistant.py"):
        shutil.copyfile(STANDALONE / name, folder / name)
    room = window(plan.base)
    settings: dict[str, Any] = {
        "schema": SCHEMA,
        "variant": str(source.variant),
        "seed": source.seed,
        "signature": source.manifest["signature"],
        "dtype": str(plan.hardware.dtype).removeprefix("torch."),
        "window": None if room is None else room - plan.virtual_tokens,
        "adapter": {"needs_harness": written.needs_harness, "alpha": written.alpha} if written.adapter else None,
        "prompt": {
            **plan.suite.prompt.model_dump(mode="json"),
            "shots": [[shot.question, shot.answer] for shot in prompts.shots(plan.suite, context, source.seed)],
            "chat_template": bool(getattr(prompts.tokenizer, "chat_template", None)),
        },
        "decoding": {"greedy": True, **plan.suite.decoding.model_dump(mode="json")},
        "choices": _choices(tasks),
        "per": _per(source, tasks),
        "retrieval": retrieval,
    }
    _write_json(folder / "settings.json", settings)
    _write_json(folder / "check.json", recorded_cases(source, tasks, prompts))
    _write_text(folder / "requirements.txt", _requirements(written, folder))
    return settings


def _choices(tasks: list[Task]) -> list[str]:
    """The choices of every case, where all have the same; otherwise they come with the question."""
    found = {case.choices for task in tasks for case in task.split.cases}
    return list(found.pop()) if len(found) == 1 else []


def _per(source: Source, tasks: list[Task]) -> str:
    """What log-likelihoods are divided by before the likeliest choice is taken, as the deciding metric says."""
    primary = {split.name: split.primary for split in source.comparison.splits}
    metrics = [primary.get(task.name, "") for task in tasks if task.split.chooses]
    return PER.get(metrics[0], "") if metrics else ""


def _requirements(written: Written, folder: Path) -> str:
    """The libraries that answer.py needs here, in the versions that it was checked with."""
    retrieval = folder / "retrieval"
    needed = ["jinja2", "torch", "transformers"]
    needed += ["peft"] if written.adapter else []
    needed += ["numpy"] if retrieval.exists() else []
    needed += (
        ["sentence-transformers"] if {"embedder", "reranker"} & {path.name for path in retrieval.glob("*")} else []
    )
    needed += ["faiss-cpu"] if (retrieval / "index.faiss").exists() else []
    needed += ["bm25s", "PyStemmer"] if (retrieval / "bm25").exists() else []
    versions = library_versions(needed)
    return "".join(f"{name}=={re.sub(r'[+].*', '', versions[name] or '')}\n" for name in needed)


def _write_json(path: Path, content: Any) -> None:
    _write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
