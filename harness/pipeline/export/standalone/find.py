"""Finds the passages that a prompt shows, in the folder `retrieval` beside this file, as they were found when compared.

By the cosine of embeddings, by BM25, or by both; reranked by a cross-encoder where settings.json says so.
"""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

TIE = 1e-4  # more than two ways of summing the product of two unit vectors differ by
SMOOTHING = 60  # of reciprocal rank fusion (Cormack, Clarke and Büttcher 2009)
RESCORED = 10  # candidates of a FAISS structure for each passage: it keeps vectors coarsely


class Finder:
    """Finds passages for one question at a time; equal scores are ordered by passage id."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        """Reads the passages; indexes and models are loaded when they are first needed."""
        self.folder, self.settings = folder, settings
        lines = (folder / "passages.jsonl").read_text(encoding="utf-8").split("\n")
        self.passages: list[dict[str, Any]] = [json.loads(line) for line in lines if line]
        wanted = {key: [one] if isinstance(one, str) else one for key, one in settings["filter"].items()}
        self.allowed = [
            row
            for row, passage in enumerate(self.passages)
            if all(passage["metadata"].get(key) in options for key, options in wanted.items())
        ]

    def find(self, question: str) -> list[dict[str, Any]]:
        """The best passages, best first, as many as the prompts show."""
        depth, candidates = self.settings["depth"], self.settings["candidates"]
        wide = max(depth, candidates) if self.settings["reranker"] or self.settings["kind"] == "hybrid" else depth
        if self.settings["kind"] == "bm25":
            rows = [row for row, _ in self._sparse(question)[:wide]]
        elif self.settings["kind"] == "hybrid":
            near = self._dense(question, wide)
            shared = [row for row, score in self._sparse(question)[:candidates] if score > 0]
            rows = self._fused(near[:candidates], shared)
            rows += [row for row in near if row not in rows]
        else:
            rows = self._dense(question, wide)
        if self.settings["reranker"]:
            rows = self._reranked(question, rows[:candidates]) + rows[candidates:]
        return [self.passages[row] for row in rows[: self.settings["passages"]]]

    def _dense(self, question: str, k: int) -> list[int]:
        query = np.asarray(self._embedder.encode_query([question], show_progress_bar=False), np.float32)[0]
        query /= np.linalg.norm(query)
        found: Any = self.allowed
        if self._structure is not None and len(self.allowed) == len(self.passages):
            found = [
                row for row in self._structure.search(query[None], min(RESCORED * k, len(found)))[1][0] if row >= 0
            ]
        if len(found) < k or self._structure is None or len(self.allowed) < len(self.passages):
            products = self._vectors[self.allowed] @ query
            least = np.sort(products)[-k] if k < len(products) else -np.inf
            found = np.asarray(self.allowed)[products >= least - TIE]
        exact = (self._vectors[found].astype(np.float64) * query.astype(np.float64)).sum(axis=1)
        return [row for row, _ in self._ranked(found, exact)[:k]]

    def _sparse(self, question: str) -> list[tuple[int, float]]:
        from words import words  # type: ignore[import-not-found] # lies beside this file in an export

        known = self._counts.get_tokens_ids(words(question, self.settings["language"]))
        scores = self._counts.get_scores_from_ids(known) if known else np.zeros(len(self.passages), np.float32)
        return self._ranked(self.allowed, scores[self.allowed])

    def _fused(self, *rankings: list[int]) -> list[int]:
        shares: dict[int, float] = {}
        for ranking in rankings:
            for rank, row in enumerate(ranking, 1):
                shares[row] = shares.get(row, 0.0) + 1 / (SMOOTHING + rank)
        return [row for row, _ in self._ranked(list(shares), list(shares.values()))]

    def _reranked(self, question: str, rows: list[int]) -> list[int]:
        import torch

        texts = sorted({self._searched(row) for row in rows})
        pairs = [(question, text) for text in texts]
        # the usual activation, a sigmoid, would round the scores of very good passages to 1
        given = self._reranker.predict(pairs, show_progress_bar=False, activation_fn=torch.nn.Identity())
        scores = dict(zip(texts, given.tolist(), strict=True))
        return [row for row, _ in self._ranked(rows, [scores[self._searched(row)] for row in rows])]

    def _ranked(self, rows: Any, scores: Any) -> list[tuple[int, float]]:
        pairs = [(int(row), float(score)) for row, score in zip(rows, scores, strict=True)]
        return sorted(pairs, key=lambda pair: (-pair[1], self.passages[pair[0]]["id"]))

    def _searched(self, row: int) -> str:
        passage = self.passages[row]
        return f"{passage['title']}\n{passage['text']}" if passage["title"] else str(passage["text"])

    @cached_property
    def _vectors(self) -> Any:
        return np.load(self.folder / "vectors.npy", mmap_mode="r", allow_pickle=False)

    @cached_property
    def _structure(self) -> Any:
        """What finds near vectors without looking at all of them; None for a flat index, which is its vectors."""
        if not (self.folder / "index.faiss").exists():
            return None
        import faiss

        index = faiss.read_index(str(self.folder / "index.faiss"), faiss.IO_FLAG_MMAP_IFC)
        for name, value in self.settings["effort"].items():
            faiss.ParameterSpace().set_index_parameter(index, name, value)
        return index

    @cached_property
    def _counts(self) -> Any:
        import bm25s

        return bm25s.BM25.load(self.folder / "bm25", mmap=True, allow_pickle=False, show_progress=False)

    @cached_property
    def _embedder(self) -> Any:
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(str(self.folder / "embedder"), device="cpu", local_files_only=True)

    @cached_property
    def _reranker(self) -> Any:
        from sentence_transformers import CrossEncoder

        return CrossEncoder(str(self.folder / "reranker"), device="cpu", local_files_only=True)
