"""The index stage: embeds each corpus revision that a split needs, and finds the passages of every case.

Both are artifacts of the cache: the index by corpus and embedder, the hits by index and questions.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.errors import InputError
from harness.kernels import linear_kernel
from harness.pipeline.plan import Plan
from harness.pipeline.progress import Progress
from harness.pipeline.tasks import Task
from harness.prompting import Evidence
from harness.retrieval import (
    Passage,
    build_index,
    embed,
    embedder_hash,
    load_embedder,
    load_index,
    locate_embedder,
    save_index,
    search,
)
from harness.runs import JSON, Artifact, Cache, code_hash, library_versions

HITS = "hits.jsonl"
TIMING = "timing.json"


@dataclass(frozen=True)
class Retrieved:
    """What was found for the cases of one task: passages by case id, best first."""

    passages: dict[str, tuple[Evidence, ...]]
    documents: dict[str, tuple[str, ...]]
    seconds_per_query: float
    index: Artifact


class Indexer:
    """Builds indexes and searches them, loading the embedder only if something isn't in the cache."""

    def __init__(self, plan: Plan, cache: Cache, progress: Progress) -> None:
        """Locates the embedder; raises InputError if there is none."""
        self._plan = plan
        self._cache = cache
        self._progress = progress
        self._folder = locate_embedder(plan.config.embedder)
        self._depends: dict[str, JSON] = {
            "embedder": self.embedder,
            "device": plan.hardware.device.type,
            "versions": library_versions(["sentence-transformers", "transformers", "torch", "faiss-cpu"]),
            "linear": linear_kernel(),
            "code": code_hash("harness.retrieval", "harness.kernels"),
        }

    @cached_property
    def embedder(self) -> str:
        """The hash of the embedder's files."""
        return embedder_hash(self._folder)

    @cached_property
    def _model(self) -> Any:
        with self._progress.task("load the embedder", 1) as advance:
            model = load_embedder(self._folder, self._plan.hardware.device.type)
            advance(1)
        return model

    def retrieve(self, task: Task, count: int) -> Retrieved:
        """The `count` passages that the retriever finds for every case of `task`, all of them if there are no more."""
        split = task.split
        passages = self._passages(task)
        texts = [[p.id, p.title, p.text] for p in passages]
        index = self._cache.artifact(
            "index", {**self._depends, "passages": texts}, lambda folder: self._build_index(passages, folder)
        )
        questions = [case.question for case in split.cases]
        depends: dict[str, JSON] = {
            **self._depends,
            "index": index.hash,
            "questions": questions,
            "k": count,
        }

        def build(folder: Path) -> None:
            self._search(index, task.name, questions, count, folder)

        hits = self._cache.artifact("hits", depends, build)
        by_id = {passage.id: passage for passage in passages}
        rows = [json.loads(line) for line in (hits.path / HITS).read_text(encoding="utf-8").splitlines()]
        found = {case.id: [by_id[name] for name in row] for case, row in zip(split.cases, rows, strict=True)}
        return Retrieved(
            passages={case: tuple(Evidence(p.id, p.text, p.title) for p in ps) for case, ps in found.items()},
            documents={case: tuple(p.document for p in ps) for case, ps in found.items()},
            seconds_per_query=json.loads((hits.path / TIMING).read_text(encoding="utf-8"))["seconds_per_query"],
            index=index,
        )

    def _passages(self, task: Task) -> list[Passage]:
        """The corpus revision that `task` is asked against; a document is one passage."""
        as_of = task.split.as_of
        documents = task.suite.corpus(as_of)
        if len(documents) < self._plan.passages:
            raise InputError(
                f"rag-{self._plan.passages} needs as many passages and the corpus has {len(documents)} "
                f"{f'as of {as_of}' if as_of else 'in its latest revision'}, so its name would be untrue. Lower K."
            )
        return [Passage(id=d.id, text=d.text, document=d.id, title=d.title) for d in documents]

    def _build_index(self, passages: Sequence[Passage], folder: Path) -> None:
        model = self._model
        with self._progress.task(f"index {len(passages)} passages", len(passages)) as advance:
            vectors = embed(model, [p.searched_text for p in passages], "document", advance=advance)
            save_index(build_index(passages, vectors, self.embedder), folder)

    def _search(self, artifact: Artifact, task: str, questions: Sequence[str], count: int, folder: Path) -> None:
        index, model = load_index(artifact.path, self.embedder), self._model
        with self._progress.task(f"retrieve for {task}", len(questions)) as advance:
            begun = time.perf_counter()
            vectors = embed(model, questions, "query", advance=advance)
            hits = search(index, vectors, count)
            seconds = (time.perf_counter() - begun) / max(1, len(questions))
        lines = [json.dumps([hit.passage for hit in row]) + "\n" for row in hits]
        (folder / HITS).write_text("".join(lines), encoding="utf-8")
        (folder / TIMING).write_text(json.dumps({"seconds_per_query": seconds}) + "\n", encoding="utf-8")
