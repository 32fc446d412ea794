"""Which passages? Locates an embedder, embeds, indexes and searches; knows nothing of models that answer."""

from harness.retrieval.chunking import chunk
from harness.retrieval.embedder import NumberType, Role, Vectors, dimension, embed, load_embedder
from harness.retrieval.evidence import Coverage, Judged, Piece
from harness.retrieval.fusion import fuse
from harness.retrieval.index import IndexSettings, PassageIndex, build_index, load_index, save_index
from harness.retrieval.locate import DEFAULT_EMBEDDER, locate_embedder, locate_reranker, model_hash
from harness.retrieval.passages import Passage, read_passages, write_passages
from harness.retrieval.rerank import load_reranker, rerank
from harness.retrieval.retrievers import Query, Retriever, Sources, make_retriever
from harness.retrieval.search import Hit, search
from harness.retrieval.settings import (
    BUILT_IN,
    ChunkSettings,
    RetrievalSettings,
    RetrieverKind,
    RetrieverSettings,
)
from harness.retrieval.sparse import (
    SparseIndex,
    build_sparse_index,
    load_sparse_index,
    save_sparse_index,
    search_sparse,
)
from harness.retrieval.store import embed_stored
from harness.retrieval.tokens import token_counts

__all__ = [
    "BUILT_IN",
    "DEFAULT_EMBEDDER",
    "ChunkSettings",
    "Coverage",
    "Hit",
    "IndexSettings",
    "Judged",
    "NumberType",
    "Passage",
    "PassageIndex",
    "Piece",
    "Query",
    "RetrievalSettings",
    "Retriever",
    "RetrieverKind",
    "RetrieverSettings",
    "Role",
    "Sources",
    "SparseIndex",
    "Vectors",
    "build_index",
    "build_sparse_index",
    "chunk",
    "dimension",
    "embed",
    "embed_stored",
    "fuse",
    "load_embedder",
    "load_index",
    "load_reranker",
    "load_sparse_index",
    "locate_embedder",
    "locate_reranker",
    "make_retriever",
    "model_hash",
    "read_passages",
    "rerank",
    "save_index",
    "save_sparse_index",
    "search",
    "search_sparse",
    "token_counts",
    "write_passages",
]
