import numpy as np
import pytest

from harness.retrieval import embed, load_embedder, locate_embedder
from harness.scoring.similarity import Similarity


@pytest.fixture(scope="module")
def metric() -> Similarity:
    model = load_embedder(locate_embedder())
    return Similarity(lambda texts: embed(model, texts, "document"))


def test_nearness(metric: Similarity) -> None:
    """Equal texts have a similarity of 1, a paraphrase is nearer than another subject, and the nearest counts."""
    said = ["a cat sits on the mat"] * 4
    wanted = [said[:1], ["a kitten is sitting on a rug"], ["interest rates rose"], ["interest rates rose", said[0]]]
    same, paraphrase, other, several = metric.compute(predictions=said, references=wanted)["cases"]
    assert same == several == pytest.approx(1.0)
    assert 0 <= other < 0.3 < 0.5 < paraphrase < 1


def test_cosine(metric: Similarity) -> None:
    """The similarity is the cosine that sentence-transformers computes of its own vectors."""
    from sentence_transformers.util import cos_sim

    model = load_embedder(locate_embedder())
    vectors = model.encode(["a heron", "a grey bird"])
    found = metric.compute(predictions=["a heron"], references=[["a grey bird"]])["cases"]
    assert found == [pytest.approx(float(cos_sim(vectors[0], vectors[1])), abs=1e-6)]


def test_bounds() -> None:
    """A cosine below 0 counts as 0, rounding above 1 as 1, and an empty answer is like nothing; all in one call."""
    calls = []

    def turned(texts):
        calls.append(list(texts))
        angles = {"east": 0.0, "west": np.pi, "north": np.pi / 2}
        return np.array([[np.cos(angles[t]), np.sin(angles[t])] for t in texts], dtype=np.float32) * np.float32(1.0001)

    result = Similarity(turned).compute(predictions=["east", "east", "", " "], references=[["west"], ["east"]] * 2)
    assert result["cases"] == [0.0, 1.0, 0.0, 0.0]
    assert calls == [["east", "west"]]
