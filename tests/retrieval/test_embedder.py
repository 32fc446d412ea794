import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.errors import InputError
from harness.kernels import KERNELS
from harness.retrieval import embed, load_embedder, locate_embedder, token_counts

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
    vectors = embed(minilm, TEXTS, "document", batch_tokens=64)
    assert (vectors.shape, vectors.dtype) == ((len(TEXTS), 384), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    for text, vector in zip(TEXTS, vectors, strict=True):
        np.testing.assert_allclose(vector, minilm.encode([text], show_progress_bar=False)[0], atol=1e-5)


def test_batches_do_not_matter(minilm: Any) -> None:
    """How many tokens are embedded at once changes no number by more than 1e-5."""
    one = embed(minilm, TEXTS, "query", batch_tokens=1)
    for batch_tokens in (40, 10_000):
        np.testing.assert_allclose(embed(minilm, TEXTS, "query", batch_tokens=batch_tokens), one, atol=1e-5)


def test_batches_are_bounded_by_tokens(minilm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With padding a batch holds at most the tokens asked for, or one text that has more; the longest come first."""
    batches: list[list[int]] = []
    encode = minilm.encode_document

    def watched(batch: list[str], **options: Any) -> Any:
        batches.append(token_counts(minilm, batch))
        return encode(batch, **options)

    monkeypatch.setattr(minilm, "encode_document", watched)
    embed(minilm, TEXTS, "document", batch_tokens=50)
    assert all(len(batch) == 1 or max(batch) * len(batch) <= 50 for batch in batches)
    flat = [count for batch in batches for count in batch]
    assert flat == sorted(flat, reverse=True)
    assert len(flat) == len(TEXTS) > len(batches)


def test_token_counts(minilm: Any) -> None:
    """Tokens are counted as the model reads them: with the two special ones, and no more than it has room for."""
    assert token_counts(minilm, ["", "the moon", "moon " * 1_000]) == [2, 4, minilm.max_seq_length]


@pytest.mark.parametrize("kernel", KERNELS)
def test_kernel_does_not_matter(kernel: str, minilm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever kernel computes the linear layers, no number changes by more than 1e-5."""
    plain = minilm.encode(TEXTS, show_progress_bar=False)
    monkeypatch.setenv("HARNESS_LINEAR", kernel)
    np.testing.assert_allclose(embed(minilm, TEXTS, "document"), plain, atol=1e-5)


def test_bfloat16_is_asked_for(minilm: Any) -> None:
    """A model computes in float32 unless bfloat16 is asked for, whose float32 unit vectors are near but not equal."""
    half = load_embedder(locate_embedder(), dtype="bfloat16")
    assert {parameter.dtype for parameter in minilm.parameters()} == {torch.float32}
    assert {parameter.dtype for parameter in half.parameters()} == {torch.bfloat16}
    near, exact = embed(half, TEXTS, "document"), embed(minilm, TEXTS, "document")
    assert near.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(near, axis=1), 1, atol=1e-6)
    assert 0.999 < (near * exact).sum(axis=1).min() < 0.999999


def test_equal_texts_have_equal_vectors(minilm: Any) -> None:
    """A text that stands twice has the same vector to the bit, so that it ties with itself."""
    vectors = embed(minilm, ["a house", *TEXTS, "a house"], "document", batch_tokens=40)
    assert (vectors[0] == vectors[-1]).all()


def test_advance_counts_every_text(minilm: Any) -> None:
    """The progress callback is told of each text once, repeated ones included."""
    done: list[int] = []
    embed(minilm, [*TEXTS, *TEXTS], "document", batch_tokens=70, advance=done.append)
    assert sum(done) == 2 * len(TEXTS)


def test_half_a_surrogate_pair(minilm: Any) -> None:
    """A text that holds half a surrogate pair, as JSON can, is embedded without it."""
    vectors = embed(minilm, ["a \ud800 moon", "a \ufffd moon"], "document")
    assert (vectors[0] == vectors[1]).all()


def test_many_characters_are_counted_in_blocks(minilm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many characters there are, few are tokenized together, and the counts are the same."""
    counts = token_counts(minilm, TEXTS)
    monkeypatch.setattr("harness.retrieval.tokens._AT_ONCE", 30)
    assert token_counts(minilm, TEXTS) == counts


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
