"""Which passages? Locates an embedder, embeds, indexes and searches; knows nothing of models that answer."""

from harness.retrieval.embedder import NumberType, Role, Vectors, dimension, embed, load_embedder, token_counts
from harness.retrieval.index import IndexSettings, PassageIndex, build_index, load_index, save_index
from harness.retrieval.locate import DEFAULT_EMBEDDER, embedder_hash, locate_embedder
from harness.retrieval.passages import Passage
from harness.retrieval.search import Hit, search

__all__ = [
    "DEFAULT_EMBEDDER",
    "Hit",
    "IndexSettings",
    "NumberType",
    "Passage",
    "PassageIndex",
    "Role",
    "Vectors",
    "build_index",
    "dimension",
    "embed",
    "embedder_hash",
    "load_embedder",
    "load_index",
    "locate_embedder",
    "save_index",
    "search",
    "token_counts",
]
