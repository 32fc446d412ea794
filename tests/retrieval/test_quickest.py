"""The quick ways of embedding against the model's own, for several kinds of encoder; and when they aren't taken."""

import gc
import weakref
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    MPNetConfig,
    MPNetModel,
    RobertaConfig,
    RobertaModel,
)

from harness.retrieval import embed, load_embedder, locate_embedder
from harness.retrieval import flat as flat_module
from harness.retrieval.flat import attend, can_be_flat, flat
from harness.retrieval.quickest import quickest

TEXTS = ["", "a", "The lighthouse of Aru stands on a cliff. " * 9, "short", "Where is the lighthouse of Aru?"]
SIZES = {"vocab_size": 30_522, "num_hidden_layers": 2, "pad_token_id": 0, "max_position_embeddings": 140}
WIDTHS = {"hidden_size": 36, "num_attention_heads": 4, "intermediate_size": 50}  # heads of 9
FAMILIES: dict[str, Any] = {
    "bert": lambda: BertModel(BertConfig(**SIZES, **WIDTHS)),
    "bert, gelu by tanh": lambda: BertModel(BertConfig(**SIZES, **WIDTHS, hidden_act="gelu_new")),
    "bert, relu": lambda: BertModel(BertConfig(**SIZES, **WIDTHS, hidden_act="relu")),
    "bert that sees the past": lambda: BertModel(BertConfig(**SIZES, **WIDTHS, is_decoder=True)),
    "roberta": lambda: RobertaModel(RobertaConfig(**SIZES, **WIDTHS)),  # its positions begin behind the padding's
    "distilbert": lambda: DistilBertModel(DistilBertConfig(**SIZES, dim=36, n_heads=4, hidden_dim=50, n_layers=2)),
    "mpnet": lambda: MPNetModel(MPNetConfig(**SIZES, **WIDTHS)),  # its attention adds a bias of its own
}


@pytest.fixture
def family(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A random model of that family, as sentence-transformers loads it."""
    torch.manual_seed(0)
    FAMILIES[request.param]().save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(locate_embedder(), model_max_length=128).save_pretrained(tmp_path)
    return load_embedder(tmp_path)


@pytest.mark.parametrize("family", FAMILIES, indirect=True)
@pytest.mark.parametrize("kernel", ["torch", "onednn"])
def test_every_family(family: Any, kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the encoder and its activation, vectors are those of the model's own `encode`."""
    own = family.encode(TEXTS, normalize_embeddings=True, show_progress_bar=False)
    monkeypatch.setenv("HARNESS_LINEAR", kernel)
    np.testing.assert_allclose(embed(family, TEXTS, "document"), own, atol=1e-5)
    np.testing.assert_allclose(embed(family, TEXTS, "document", batch_tokens=40), own, atol=1e-5)
    np.testing.assert_allclose(family.encode(TEXTS, normalize_embeddings=True, show_progress_bar=False), own, atol=1e-6)


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert"], indirect=True)
def test_encoders_need_no_padding(family: Any) -> None:
    """The usual encoders take texts one after another."""
    with quickest(family, TEXTS) as way:
        assert way.flat
        assert family[0].can_flatten_inputs
    assert not family[0].can_flatten_inputs
    assert family[0].model.config._attn_implementation == "sdpa"


def test_wrong_vectors_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A way that gives other vectors, or an error, is not taken, and the model's own are given."""
    monkeypatch.setattr(flat_module, "_GREATEST", float("nan"))  # always torch's own attention

    def wrong(*inputs: Any, **more: Any) -> Any:
        return torch.zeros(()), None

    def unable(*inputs: Any, **more: Any) -> Any:
        raise IndexError("no")

    for bad in (wrong, unable):
        model = load_embedder(locate_embedder())
        own = model.encode(TEXTS, show_progress_bar=False)
        monkeypatch.setattr(flat_module, "sdpa_attention_forward", bad)
        with quickest(model, TEXTS) as way:
            assert not way.flat
        np.testing.assert_allclose(embed(model, TEXTS, "document"), own, atol=1e-5)
        monkeypatch.undo()
        monkeypatch.setattr(flat_module, "_GREATEST", float("nan"))


def test_another_attention_is_respected(minilm: Any) -> None:
    """A model that was given another attention, or told to pad, keeps it, also if it was quick before."""
    embed(minilm, TEXTS, "document")
    assert can_be_flat(minilm)
    minilm[0].model.set_attn_implementation("eager")
    try:
        with quickest(minilm, TEXTS) as way:
            assert not way.flat
    finally:
        minilm[0].model.set_attn_implementation("sdpa")
    with quickest(minilm, TEXTS) as way:
        assert way.flat


def test_changed_weights_are_used() -> None:
    """Weights and biases that change after the first embedding are those that compute the next."""
    model = load_embedder(locate_embedder())
    embed(model, TEXTS, "document")
    with torch.no_grad():
        model[0].model.encoder.layer[0].intermediate.dense.weight.mul_(0.5)
    own = model.encode(TEXTS, show_progress_bar=False)
    np.testing.assert_allclose(embed(model, TEXTS, "document"), own, atol=1e-5)
    layer = model[0].model.encoder.layer[0].output.dense
    layer.bias = torch.nn.Parameter(torch.randn_like(layer.bias))
    own = model.encode(TEXTS, show_progress_bar=False)
    np.testing.assert_allclose(embed(model, TEXTS, "document"), own, atol=1e-5)


def test_prompts_are_left_out_of_the_mean(minilm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pooling that leaves the prompt's tokens out does so without padding too."""
    monkeypatch.setattr(minilm, "prompts", {"query": "find this: ", "document": ""})
    monkeypatch.setattr(minilm[1], "include_prompt", False)
    own = minilm.encode_query(TEXTS, show_progress_bar=False)
    np.testing.assert_allclose(embed(minilm, TEXTS, "query"), own, atol=1e-5)


@pytest.mark.parametrize("limits", [{}, {"_LONGEST": 4}, {"_GREATEST": 0.0}], ids=["products", "long", "great"])
@pytest.mark.parametrize("width", [1, 9, 32])
def test_attention_of_each_text(width: int, limits: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each text, one token or many, attends to itself alone, as torch's own attention does."""
    for name, limit in limits.items():
        monkeypatch.setattr(flat_module, name, limit)
    module = torch.nn.Module()
    module.is_causal = False  # type: ignore[assignment]
    borders = [0, 1, 8, 9, 22]
    query, key, value = (torch.randn(1, 22, 3, width).transpose(1, 2) for _ in range(3))
    ours, _ = attend(module, query, key, value, None, cu_seq_lens_q=torch.tensor(borders))
    for begin, end in pairwise(borders):
        one = [tensor[:, :, begin:end] for tensor in (query, key, value)]
        true = torch.nn.functional.scaled_dot_product_attention(*one)
        torch.testing.assert_close(ours[:, begin:end], true.transpose(1, 2), atol=1e-5, rtol=1e-5)


def test_great_scores_do_not_overflow() -> None:
    """Scores far beyond what a power of two can hold give what torch's own attention gives."""
    module = torch.nn.Module()
    module.is_causal = False  # type: ignore[assignment]
    query, key, value = (torch.randn(1, 6, 2, 16).transpose(1, 2) * 40 for _ in range(3))
    ours, _ = attend(module, query, key, value, None, cu_seq_lens_q=torch.tensor([0, 6]))
    true = torch.nn.functional.scaled_dot_product_attention(query, key, value)
    torch.testing.assert_close(ours, true.transpose(1, 2))


def test_padded_batches_keep_their_mask(minilm: Any) -> None:
    """What comes padded while texts could lie one after another is masked all the same."""
    own = minilm.encode(TEXTS, show_progress_bar=False)
    with flat(minilm):
        minilm[0].can_flatten_inputs = False
        np.testing.assert_allclose(minilm.encode(TEXTS, show_progress_bar=False), own, atol=1e-6)


def test_a_model_is_freed() -> None:
    """What is known of a model doesn't keep it in memory."""
    model = load_embedder(locate_embedder())
    embed(model, ["a"], "document")
    gone = weakref.ref(model)
    assert isinstance(model, SentenceTransformer)
    del model
    gc.collect()
    assert gone() is None
