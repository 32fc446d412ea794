import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import InputError
from harness.retrieval import embed, load_embedder

TEXTS = [
    "Where is the lighthouse?",
    "",
    "The lighthouse of Aru stands on a cliff. " * 12,
    "café, 雪, 🙂",
    "short",
    *[f"The colour of the house number {number} is green." for number in range(20)],
]


def test_unit_rows_in_order(minilm: Any) -> None:
    """There is one float32 unit row for each text, in the order of the texts, as the model alone would give it."""
    vectors = embed(minilm, TEXTS, "document", batch_size=4)
    assert (vectors.shape, vectors.dtype) == ((len(TEXTS), 384), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    for text, vector in zip(TEXTS, vectors, strict=True):
        np.testing.assert_allclose(vector, minilm.encode([text], show_progress_bar=False)[0], atol=1e-5)


def test_batch_size_does_not_matter(minilm: Any) -> None:
    """The batch size changes no number by more than 1e-5."""
    one = embed(minilm, TEXTS, "query", batch_size=1)
    for batch_size in (3, 64):
        np.testing.assert_allclose(embed(minilm, TEXTS, "query", batch_size=batch_size), one, atol=1e-5)


def test_equal_texts_have_equal_vectors(minilm: Any) -> None:
    """A text that stands twice has the same vector to the bit, so that it ties with itself."""
    vectors = embed(minilm, ["a house", *TEXTS, "a house"], "document", batch_size=2)
    assert (vectors[0] == vectors[-1]).all()


def test_advance_counts_every_text(minilm: Any) -> None:
    """The progress callback is told of each text once, repeated ones included."""
    done: list[int] = []
    embed(minilm, [*TEXTS, *TEXTS], "document", batch_size=7, advance=done.append)
    assert sum(done) == 2 * len(TEXTS)


def test_no_texts(minilm: Any) -> None:
    """No texts give no rows, of the right width."""
    assert embed(minilm, [], "query").shape == (0, 384)


def test_prompts_of_the_model(minilm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model's own prompts for queries and documents are put before the texts."""
    monkeypatch.setattr(minilm, "prompts", {"query": "query: ", "document": "passage: "})
    for role, prompt in (("query", "query: "), ("document", "passage: ")):
        with_prompt = embed(minilm, ["the moon"], role)  # type: ignore[arg-type]
        plain = minilm.encode([prompt + "the moon"], prompt="", show_progress_bar=False)
        np.testing.assert_allclose(with_prompt, plain, atol=1e-5)


def test_vector_without_direction(minilm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A vector that is not finite is an error that names the text, not a row that ranks anywhere."""
    monkeypatch.setattr(minilm, "encode_query", lambda batch, **options: np.full((len(batch), 384), np.nan))
    with pytest.raises(InputError, match="the moon"):
        embed(minilm, ["the moon"], "query")


def test_folder_that_cannot_be_loaded(tmp_path: Path) -> None:
    """A broken model folder is one clear message."""
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="can't be loaded"):
        load_embedder(tmp_path)


def test_code_of_a_model_is_not_run(tmp_path: Path) -> None:
    """A local model folder that asks for a class of its own is refused, and its code is not run."""
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "modules.json").write_text('[{"idx": 0, "name": "0", "path": "", "type": "evil.Module"}]')
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Module: pass\n")
    with pytest.raises(InputError, match="can't be loaded"):
        load_embedder(tmp_path)
    assert not (tmp_path / "ran").exists()


WITHOUT_NETWORK = """
import socket
def refuse(*arguments, **options):
    raise SystemExit("touched the network")
socket.getaddrinfo = socket.create_connection = socket.socket.connect = refuse
from harness.retrieval import embed, load_embedder, locate_embedder
print(embed(load_embedder(locate_embedder()), ["hello"], "query").shape)
"""


@pytest.mark.parametrize("offline", ["0", "1"])
def test_no_network(offline: str) -> None:
    """The default embedder loads and embeds without a network call, a warning or a bar, with HF_HUB_OFFLINE or not."""
    environment = {**os.environ, "HF_HUB_OFFLINE": offline}
    command = [sys.executable, "-c", WITHOUT_NETWORK]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert (answer.returncode, answer.stdout.strip(), answer.stderr) == (0, "(1, 384)", "")


def test_import_is_light() -> None:
    """Importing `harness.retrieval` imports neither torch nor sentence-transformers nor FAISS."""
    code = (
        "import sys, harness.retrieval;"
        "print({'torch', 'faiss', 'sentence_transformers', 'huggingface_hub'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"
