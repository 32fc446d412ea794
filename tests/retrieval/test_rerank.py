import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

from harness.errors import InputError
from harness.retrieval import Passage, build_index, embed
from harness.retrieval.locate import locate_reranker, model_hash
from harness.retrieval.rerank import load_reranker, rerank
from harness.retrieval.retrievers import Query, Sources, make_retriever
from harness.retrieval.settings import RetrieverKind, RetrieverSettings
from harness.retrieval.sparse import build_sparse_index

WORDS = "snow falls on the harbour lynx hunts hares fish town sleeps".split()


def save_cross_encoder(folder: Path, labels: int = 1) -> Path:
    """A random BERT of two layers that scores pairs, saved as sentence-transformers does."""
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        num_labels=labels,
        initializer_range=0.5,
    )
    plain = folder / "plain"
    plain.mkdir(parents=True)
    BertForSequenceClassification(config).save_pretrained(plain)
    BertTokenizerFast(vocab={word: row for row, word in enumerate(vocabulary)}).save_pretrained(plain)
    CrossEncoder(str(plain), device="cpu").save_pretrained(str(folder / "model"))
    return folder / "model"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_cross_encoder(tmp_path_factory.mktemp("reranker"))


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    return load_reranker(locate_reranker(str(folder)))


def passages(count: int = 70) -> list[Passage]:
    draw = np.random.default_rng(0)
    texts = [" ".join(draw.choice(WORDS, draw.integers(1, 30))) for _ in range(count)]
    return [Passage(f"p{number:02}", text, "d", title="town") for number, text in enumerate(texts)]


def test_same_as_plain_predict(model: Any, folder: Path) -> None:
    """Scores are the logits of CrossEncoder.predict on (query, title and text), and the best comes first."""
    corpus = passages()
    pairs = [("snow on the harbour", f"town\n{passage.text}") for passage in corpus]
    plain = CrossEncoder(str(folder), device="cpu").predict(pairs, activation_fn=torch.nn.Identity())
    hits = rerank(model, "snow on the harbour", corpus)
    assert {hit.passage: hit.score for hit in hits} == pytest.approx(
        {passage.id: float(score) for passage, score in zip(corpus, plain, strict=True)}, abs=1e-5
    )
    assert [hit.passage for hit in hits] == [corpus[row].id for row in np.argsort(-plain, kind="stable")]


def test_order_does_not_depend_on_the_candidates_order(model: Any) -> None:
    """The same candidates in another order are ranked with the same scores, to the bit."""
    corpus = passages()
    assert rerank(model, "lynx", corpus) == rerank(model, "lynx", corpus[::-1])


def test_equal_passages_by_id(model: Any) -> None:
    """Passages of one text have one score, and come in the order of their ids."""
    corpus = [Passage(name, "snow falls", "d") for name in ("c", "a", "b")]
    hits = rerank(model, "lynx", corpus)
    assert [hit.passage for hit in hits] == ["a", "b", "c"]
    assert len({hit.score for hit in hits}) == 1


@pytest.mark.parametrize("kind", ["bm25", "oracle"])
def test_retriever_that_reranks(kind: RetrieverKind, model: Any, minilm: Any) -> None:
    """A retriever with a reranker gives its candidates in the order of that; the oracle's gold ones stay first."""
    corpus = passages()
    vectors = embed(minilm, [passage.searched_text for passage in corpus], "document")
    asked: list[str] = []
    sources = Sources(
        passages=corpus,
        dense=lambda: build_index(corpus, vectors, "model"),
        embed=lambda texts: embed(minilm, texts, "query"),
        sparse=lambda: build_sparse_index(corpus),
        reranker=lambda name: asked.append(name) or model,
    )
    query, gold = Query("lynx hunts", ("p69",)), ["p69"] if kind == "oracle" else []
    first = make_retriever(RetrieverSettings(kind="dense" if gold else "bm25"), sources).retrieve([query], 20)[0]
    candidates = [passage for passage in corpus if passage.id in {hit.passage for hit in first}]
    best = [hit.passage for hit in rerank(model, query.text, candidates) if hit.passage not in gold]
    retriever = make_retriever(RetrieverSettings(kind=kind, rerank="its/name", candidates=20), sources)
    assert not asked
    assert [hit.passage for hit in retriever.retrieve([query], 5)[0]] == [*gold, *best][:5]
    assert asked == ["its/name"]
    (everything,) = retriever.retrieve([query], 99)
    assert [hit.passage for hit in everything][:20] == [*gold, *best][:20]
    assert len(everything) == len(corpus)


def test_text_that_is_no_text(model: Any) -> None:
    """Half of a surrogate pair, which no tokenizer takes, can stand in a query and a passage."""
    assert [hit.passage for hit in rerank(model, "\ud800", [Passage("a", "\udfff snow", "d")])] == ["a"]


def test_nothing_to_rank(model: Any) -> None:
    """No candidates have no order."""
    assert rerank(model, "lynx", []) == []


def test_model_of_several_scores(tmp_path: Path) -> None:
    """A model that gives several scores a pair, as those for entailment do, is refused."""
    with pytest.raises(InputError, match="3 scores"):
        load_reranker(save_cross_encoder(tmp_path, labels=3))


def test_folder_without_a_model(tmp_path: Path) -> None:
    """A folder without a model, and one whose model can't be loaded, are told as such."""
    with pytest.raises(InputError, match=r"no config\.json"):
        locate_reranker(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="can't be loaded as a cross-encoder"):
        load_reranker(locate_reranker(str(tmp_path)))
    with pytest.raises(InputError, match="no reranker to load"):
        locate_reranker("./nowhere")


@pytest.mark.parametrize("beside", [(), ("other.safetensors",)], ids=["alone", "beside other tensors"])
def test_pickled_weights(beside: tuple[str, ...], tmp_path: Path) -> None:
    """Weights that are a pickle are refused, also where a file that isn't the model's looks like safe ones."""
    for name in ("config.json", "pytorch_model.bin", *beside):
        (tmp_path / name).write_text("{}")
    with pytest.raises(InputError, match=r"its weights are pickled \(pytorch_model\.bin\)"):
        locate_reranker(str(tmp_path))


def test_scores_that_are_no_numbers(folder: Path) -> None:
    """A model whose scores are not finite is refused, and never ranked by."""
    broken = load_reranker(folder)
    with torch.no_grad():
        broken.model.classifier.bias.fill_(float("nan"))
    with pytest.raises(InputError, match="not a finite number"):
        rerank(broken, "lynx", passages(3))


@pytest.mark.parametrize(
    "changes",
    [
        {"config.json": {"model_type": "own", "auto_map": {"AutoConfig": "own.Own"}}},
        {"modules.json": [{"idx": 0, "name": "0", "path": "", "type": "own.Own"}]},
    ],
    ids=["configuration", "modules"],
)
def test_no_code_of_the_model_runs(changes: dict[str, Any], folder: Path, tmp_path: Path) -> None:
    """A model folder that brings code of its own is refused, and its code isn't run."""
    model = tmp_path / "model"
    shutil.copytree(folder, model)
    for name, change in changes.items():
        before = json.loads((model / name).read_text())
        (model / name).write_text(json.dumps({**before, **change} if isinstance(change, dict) else change))
    (model / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Own: pass")
    with pytest.raises(InputError, match="can't be loaded"):
        load_reranker(model)
    assert not (tmp_path / "ran").exists()


def test_hash_covers_the_model(folder: Path, tmp_path: Path) -> None:
    """A reranker has a hash as an embedder has: another model has another."""
    assert model_hash(folder) != model_hash(save_cross_encoder(tmp_path, labels=2))
