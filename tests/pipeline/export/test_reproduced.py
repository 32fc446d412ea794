"""Every kind of weights and context, exported, answers as it was scored: `export` itself fails where it doesn't."""

import json
import shutil
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from harness.errors import ProofError
from harness.pipeline.export import export
from harness.pipeline.export.export import prove

pytestmark = pytest.mark.slow

WEIGHTS = {
    "full@0.5": None,
    "full@soup": None,
    "freeze": None,
    "lora@0.3": None,
    "dora@0.5": None,
    "qlora": None,
    "full>lora": None,
    "full>loreft": "reft",
    "loreft@0.5": "reft",
    "bottleneck-parallel@0.5": "bottleneck",
    "prompt": "prompt_tuning",
    "p-tuning": "p_tuning",
    "prefix": "prefix_tuning",
}
CONTEXTS = ("few-shot-2", "rag-2:bm25", "rag-2:hybrid", "rag-2:ships", "rag-2:reranked", "rag-2+few-shot-1")
CHAT = "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}\n{% endfor %}[assistant] "


@pytest.fixture(scope="module")
def trained(compared):
    """A run with all of WEIGHTS, two seeds each."""
    return compared(*(f"{name}/zero-shot" for name in WEIGHTS), seeds=2)


@pytest.fixture(scope="module")
def shown(compared, tmp_path_factory):
    """A run with all of CONTEXTS, whose index is a graph."""
    from sentence_transformers import CrossEncoder

    from harness.retrieval import locate_embedder

    reranker = tmp_path_factory.mktemp("models") / "reranker"
    CrossEncoder(str(locate_embedder()), num_labels=1, device="cpu").save_pretrained(str(reranker))
    ranked = {"reranked": {"kind": "hybrid", "candidates": 4, "rerank": str(reranker)}}
    retrieval = {"index": "HNSW4", "retrievers": ranked}
    return compared(*(f"base/{context}" for context in CONTEXTS), retrieval=retrieval)


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights(trained, tmp_path, name):
    """The weights reproduce; what can't be folded into them is an adapter in peft's format."""
    folder = export(trained.run, f"{name}/zero-shot", tmp_path / "out", cache=trained.cache)
    config = folder / "adapter" / "adapter_config.json"
    kind = json.loads(config.read_text(encoding="utf-8"))["peft_type"].lower() if config.exists() else None
    assert kind == WEIGHTS[name]


def test_a_second_seed(compared, tmp_path):
    """With `seed` it is that training which is exported: the check of one fails with the weights of another."""
    made = compared("freeze/zero-shot", seeds=2)
    first = export(made.run, "freeze/zero-shot", tmp_path / "first", cache=made.cache)
    second = export(made.run, "freeze/zero-shot", tmp_path / "second", seed=1, cache=made.cache)
    shutil.copyfile(second / "model" / "model.safetensors", first / "model" / "model.safetensors")
    with pytest.raises(ProofError, match="loglikelihoods"):
        prove("freeze/zero-shot", first)


@pytest.mark.parametrize("context", CONTEXTS)
def test_contexts(shown, tmp_path, context):
    """The context's passages and shots reproduce."""
    folder = export(shown.run, f"base/{context}", tmp_path / "out", cache=shown.cache)
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    assert bool(settings["retrieval"]) == ("rag" in context)
    assert len(settings["prompt"]["shots"]) == int("few-shot" in context) + int(context == "few-shot-2")


def test_a_chat_model(compared, tiny_base, tmp_path):
    """A base with a chat template is asked in its turns."""
    base = shutil.copytree(tiny_base, tmp_path / "chat")
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.chat_template = CHAT
    tokenizer.save_pretrained(base)
    made = compared("base/rag-2+few-shot-1", model=Path(base))
    folder = export(made.run, "base/rag-2+few-shot-1", tmp_path / "out", cache=made.cache)
    assert json.loads((folder / "settings.json").read_text(encoding="utf-8"))["prompt"]["chat_template"]


def test_a_window_that_is_short(compared, tiny_base, tmp_path):
    """Where the window has no room for every passage, the export leaves out the same ones."""
    base = shutil.copytree(tiny_base, tmp_path / "short")
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    (base / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 110}), encoding="utf-8")
    made = compared("base/rag-4", model=Path(base))
    folder = export(made.run, "base/rag-4", tmp_path / "out", cache=made.cache)
    cases = json.loads((folder / "check.json").read_text(encoding="utf-8"))["cases"]
    assert all(0 < len(case["expected"]["passages"]) < 4 for case in cases)


@pytest.mark.parametrize("name", ["lora/zero-shot", "full@0.5/zero-shot"])
def test_sixteen_bits(compared, tmp_path, name):
    """In bfloat16 an adapter stays one, since folding it in would round it."""
    made = compared(name, dtype="bfloat16")
    folder = export(made.run, name, tmp_path / "out", cache=made.cache)
    assert (folder / "adapter").exists() == name.startswith("lora")
