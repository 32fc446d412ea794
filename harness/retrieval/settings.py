"""What a request or a suite may say about retrieval. Knows nothing of how any of it is done."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from harness.retrieval.words import Language

RetrieverKind = Literal["dense", "bm25", "hybrid", "oracle", "random"]
BUILT_IN: tuple[RetrieverKind, ...] = ("dense", "bm25", "hybrid", "oracle", "random")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ChunkSettings(_Strict):
    """How documents are cut into passages: at most `tokens` of the embedder, `overlap` of them shown twice.

    `tokens: null` leaves every document whole; the embedder then reads only as much of it as its window holds.
    """

    tokens: int | None = Field(default=200, ge=16)
    overlap: int = Field(default=32, ge=0)

    @model_validator(mode="after")
    def _moves_on(self) -> Self:
        if self.tokens is not None and 2 * self.overlap > self.tokens:
            raise ValueError(
                f"an overlap of {self.overlap} is more than half of {self.tokens} tokens; lower the overlap"
            )
        return self


class RetrieverSettings(_Strict):
    """One way of finding passages.

    `candidates` are fused or reranked before the best are taken; `rerank` names a cross-encoder, by folder or hub id;
    `filter` keeps only passages whose documents have these metadata (one of the values, where there are several).
    """

    kind: RetrieverKind = "dense"
    rerank: str | None = None
    candidates: int = Field(default=50, ge=1)
    filter: dict[str, str | tuple[str, ...]] = {}

    @model_validator(mode="after")
    def _stays_random(self) -> Self:
        if self.kind == "random" and self.rerank:
            raise ValueError("what is drawn at random and reranked isn't random any more; leave `rerank` out")
        return self


class RetrievalSettings(_Strict):
    """`index` is `auto`, which goes by size, or a description that FAISS's index_factory understands.

    `language` is the one whose stop words and stems BM25 knows; null takes every word as it stands.
    """

    chunk: ChunkSettings = ChunkSettings()
    index: str = "auto"
    language: Language | None = "english"
    retrievers: dict[str, RetrieverSettings] = {}

    @model_validator(mode="after")
    def _keeps_built_in_names(self) -> Self:
        taken = [name for name in BUILT_IN if name in self.retrievers]
        if taken:
            raise ValueError(f"the names {', '.join(taken)} are built in; give your retrievers other names")
        return self

    def retriever(self, name: str) -> RetrieverSettings:
        """The settings of the retriever of that name; raises KeyError if there is none."""
        for kind in BUILT_IN:
            if name == kind:
                return RetrieverSettings(kind=kind)
        return self.retrievers[name]

    @property
    def names(self) -> tuple[str, ...]:
        """All names of retrievers."""
        return (*BUILT_IN, *self.retrievers)
