from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from harness.retrieval import Passage, Vectors, load_embedder, locate_embedder


@pytest.fixture(scope="session")
def minilm() -> Any:
    """The default embedder, from the package that brings it."""
    return load_embedder(locate_embedder())


@pytest.fixture
def corpus() -> Callable[[int], list[Passage]]:
    """Makes that many passages, three of a document."""
    return lambda count: [Passage(f"p{number:04}", f"text {number}", f"d{number // 3}") for number in range(count)]


@pytest.fixture
def unit_rows() -> Callable[..., Vectors]:
    """Makes that many random unit vectors."""

    def make(count: int, dimension: int = 16, seed: int = 0) -> Vectors:
        rows = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
        unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit

    return make
