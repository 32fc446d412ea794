"""The corpus revisions of a run: cut into passages, embedded and indexed, each an artifact of the cache.

What several revisions have in common is embedded once: vectors are kept by content, beside the indexes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from harness.kernels import linear_kernel
from harness.pipeline.plan import Plan
from harness.retrieval import (
    Coverage,
    Passage,
    PassageIndex,
    RetrieverSettings,
    Sources,
    SparseIndex,
    Vectors,
    build_index,
    build_sparse_index,
    chunk,
    embed,
    embed_stored,
    load_embedder,
    load_index,
    load_reranker,
    load_sparse_index,
    locate_embedder,
    locate_reranker,
    model_hash,
    read_passages,
    save_index,
    save_sparse_index,
    write_passages,
)
from harness.runs import JSON, Artifact, Cache, code_hash, fingerprint, library_versions
from harness.runs.progress import Progress
from harness.suite import Suite

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder, SentenceTransformer

PASSAGES = "passages.jsonl"
SPARED = "spared.clock.json"
EMBEDDING = ("sentence-transformers", "transformers", "tokenizers", "torch")
COUNTING = ("bm25s", "PyStemmer", "numpy")
SEARCHED = {"dense": ("index",), "oracle": ("index",), "bm25": ("sparse",), "hybrid": ("index", "sparse"), "random": ()}


@dataclass(frozen=True)
class Revision:
    """One corpus as of one date, in passages; `artifact` holds them and `told` says which one it is."""

    passages: tuple[Passage, ...]
    artifact: Artifact
    told: str

    @cached_property
    def by_id(self) -> Mapping[str, Passage]:
        """The passages by their ids."""
        return {passage.id: passage for passage in self.passages}

    @cached_property
    def coverage(self) -> Coverage:
        """Which passages hold which evidence."""
        return Coverage(self.passages)


class Corpora:
    """Makes revisions and their indexes; embedder and rerankers are loaded only if something isn't in the cache."""

    def __init__(self, plan: Plan, cache: Cache, progress: Progress) -> None:
        """Nothing is located before it is needed; what can't be had then raises InputError."""
        self._plan, self._cache, self._progress = plan, cache, progress
        self._revisions: dict[str, Revision] = {}

    @cached_property
    def depends(self) -> dict[str, JSON]:
        """What everything here depends on, beside the passages themselves."""
        return {
            "embedder": self._embedder_hash,
            "device": self._plan.hardware.device.type,
            "versions": library_versions([*EMBEDDING, *COUNTING, "faiss-cpu"]),
            "linear": linear_kernel(),
            "code": code_hash("harness.retrieval", "harness.kernels"),
        }

    def revision(self, suite: Suite, as_of: date | None) -> Revision:
        """The corpus of `suite` as of that date (None: the latest), in passages."""
        documents = suite.corpus(as_of)
        content = fingerprint([[d.id, d.title, d.text, dict(d.metadata)] for d in documents])
        if content not in self._revisions:
            chunks = self._plan.retrieval.chunk
            inputs: dict[str, JSON] = {**self.depends, "documents": content, "chunk": chunks.model_dump(mode="json")}

            def build(folder: Path) -> None:
                with self._progress.task(f"cut {len(documents)} documents into passages", len(documents)) as advance:
                    write_passages(folder / PASSAGES, chunk(documents, self._model, chunks, advance=advance))

            artifact = self._cache.artifact("passages", inputs, build)
            told = f"as of {as_of}" if as_of else "in its latest revision"
            self._revisions[content] = Revision(read_passages(artifact.path / PASSAGES), artifact, told)
        return self._revisions[content]

    def searched(self, revision: Revision, settings: RetrieverSettings) -> list[Artifact]:
        """What a retriever searches: the passages, and the indexes of its kind."""
        make = {"index": self._index, "sparse": self._sparse}
        return [revision.artifact, *(make[kind](revision) for kind in SEARCHED[settings.kind])]

    def build_seconds(self, artifact: Artifact) -> float:
        """How long it takes to build `artifact`, what came from the store as if it had been embedded for it."""
        spared = artifact.path / SPARED
        return artifact.seconds + (json.loads(spared.read_bytes())["seconds"] if spared.is_file() else 0.0)

    def reranker_hash(self, settings: RetrieverSettings) -> str | None:
        """The hash of the files of the retriever's cross-encoder, if it has one."""
        return model_hash(locate_reranker(settings.rerank)) if settings.rerank else None

    def sources(self, revision: Revision) -> Sources:
        """What retrievers of `revision` draw on."""
        return Sources(
            passages=revision.passages,
            dense=lambda: self._load_index(revision),
            embed=self.embed,
            sparse=lambda: self._load_sparse(revision),
            reranker=self._reranker,
        )

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of queries `(texts, dimension) float32`."""
        return embed(self._model, texts, "query")

    @cached_property
    def _folder(self) -> Path:
        return locate_embedder(self._plan.config.embedder)

    @cached_property
    def _embedder_hash(self) -> str:
        return model_hash(self._folder)

    @cached_property
    def _model(self) -> "SentenceTransformer":
        with self._progress.task("load the embedder", 1) as advance:
            model = load_embedder(self._folder, self._plan.hardware.device.type)
            advance(1)
        return model

    def _reranker(self, name: str) -> "CrossEncoder":
        return load_reranker(locate_reranker(name), self._plan.hardware.device.type)

    def _index(self, revision: Revision) -> Artifact:
        structure = self._plan.retrieval.index

        def build(folder: Path) -> None:
            passages = revision.passages
            texts = [passage.searched_text for passage in passages]
            reused: list[float] = []
            with self._progress.task(f"embed {len(passages)} passages", len(passages)) as advance:
                vectors = embed_stored(
                    self._store, self._model, texts, "document", advance=advance, spared=reused.append
                )
            (folder / SPARED).write_text(json.dumps({"seconds": sum(reused)}) + "\n", encoding="utf-8")
            save_index(build_index(passages, vectors, self._embedder_hash, structure), folder)

        inputs: dict[str, JSON] = {**self.depends, "passages": revision.artifact.hash, "structure": structure}
        return self._cache.artifact("index", inputs, build)

    @property
    def _store(self) -> Path:
        """Where vectors are kept that depend on nothing but what embeds and the text."""
        computing = ("embedder", "flat", "quickest", "tokens")
        code = code_hash(*(f"harness.retrieval.{name}" for name in computing), "harness.kernels")
        return self._cache.folder("vectors", {**self.depends, "versions": library_versions(EMBEDDING), "code": code})

    def _load_index(self, revision: Revision) -> PassageIndex:
        return load_index(self._index(revision).path, self._embedder_hash)

    def _sparse(self, revision: Revision) -> Artifact:
        language = self._plan.retrieval.language

        def build(folder: Path) -> None:
            with self._progress.task(f"count the words of {len(revision.passages)} passages", 1) as advance:
                save_sparse_index(build_sparse_index(revision.passages, language), folder)
                advance(1)

        inputs: dict[str, JSON] = {
            "passages": revision.artifact.hash,
            "language": language,
            "versions": library_versions(COUNTING),
            "code": code_hash("harness.retrieval"),
        }
        return self._cache.artifact("sparse", inputs, build)

    def _load_sparse(self, revision: Revision) -> SparseIndex:
        return load_sparse_index(self._sparse(revision).path, revision.passages)
