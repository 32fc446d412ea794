"""The cache can't lie: each field of a request and each input file rebuilds what depends on it, and nothing else.

One small run fills a cache. Then one thing at a time is changed, and the run is made again on a copy of that cache:
what is built anew must be exactly what is listed here. A field that isn't listed fails the audit.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from lm_eval_files import write_tasks
from pydantic import BaseModel
from safetensors.torch import load_file, save_file

from harness._settings import merge
from harness.pipeline import CompareConfig, run_comparison
from harness.retrieval import ChunkSettings, RetrievalSettings, RetrieverSettings
from harness.runs import Artifact, Cache
from harness.suite.records import Case, DecodingSettings, Document, PromptSettings
from harness.weights import DataSettings, Recipe, TrainingSettings
from harness.weights.methods.lora import LoraSettings

NOTHING: frozenset[str] = frozenset()
ASKED = frozenset({"predictions", "latency"})  # what models answer, and how long one query takes
TAUGHT = ASKED | {"weights"}
FOUND = frozenset({"hits", "latency"})  # which passages are found; prompts with other passages are asked anew too
CUT = FOUND | {"passages", "index", "sparse", "predictions"}
UNSHOWN = CUT - {"predictions"}  # of passages that no prompt shows
EMBEDDED = FOUND | {"passages", "index"}  # the passages are cut anew, and are the same: nothing but vectors changes
SAME_CUT = frozenset({"passages"})  # documents so short are cut into the same passages, and all else goes by these
VARIANTS = ("base/zero-shot", "base/few-shot-1", "base/rag-1", "base/rag-1:hybrid", "base/rag-1:mine", "lora/zero-shot")
CHAT = "{% for turn in messages %}{{ turn['role'] }}: {{ turn['content'] }}\n{% endfor %}"
LORA = {
    "training": {"epochs": 1, "batch_size": 2},
    "settings": {"rank": 2},
    "search": {"settings.rank": {"choices": [2, 4, 8, 16, 32]}},
}
ADAPTERS = Path(__file__).parents[2] / "adapters"
PRICES = Path(__file__).parents[2] / "docs" / "prices.yaml"
PORTS = {"Otter": "Brindle", "Heron": "Corvo", "Badger": "Dunmere", "Falcon": "Estal"}


class Counting(Cache):
    """A cache that remembers the kinds of all artifacts that had to be built."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.built: set[str] = set()

    def artifact(self, kind: str, inputs: Mapping[str, Any], build: Callable[[Path], None]) -> Artifact:
        found = super().artifact(kind, inputs, build)
        if not found.reused:
            self.built.add(kind)
        return found


class World:
    """A request and the files that it names, to be changed and asked for again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.suite, self.base, self.embedder = folder / "harbour", folder / "base", folder / "embedder"

    def run(self, **changes: Any) -> set[str]:
        """The kinds of artifacts that the request, with `changes`, has to build."""
        request: dict[str, Any] = {
            "suite": str(self.suite),
            "model": str(self.base),
            "embedder": str(self.embedder),
            "variants": VARIANTS,
            "recipes": {"lora": LORA},
            "retrieval": {"retrievers": {"mine": {"candidates": 3}}},
            "out": self.folder / "run",
        }
        cache = Counting(self.folder / "cache")
        run_comparison(CompareConfig.model_validate(merge(request, changes)), cache=cache)
        return cache.built

    def edit_suite(self, **changes: Any) -> None:
        """Lays `changes` over suite.yaml."""
        path = self.suite / "suite.yaml"
        path.write_text(yaml.safe_dump(merge(yaml.safe_load(path.read_text()), changes)), encoding="utf-8")

    def edit_row(self, name: str, number: int = 0, **changes: Any) -> None:
        """Lays `changes` over one line of a file of the suite."""
        path = self.suite / name
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        rows[number] |= changes
        _write_lines(path, rows)


@pytest.fixture(scope="module")
def finished(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A finished run and its cache."""
    world = World(tmp_path_factory.mktemp("finished"))
    world.suite.mkdir()
    ships = list(PORTS.items())
    documents = [
        {"id": s, "title": f"On the {s}", "text": f"The {s} is at home in {p}.", "metadata": {"sea": "north"}}
        for s, p in ships
    ]
    documents.append({"id": "Gull", "text": "Nobody asks for the Gull.", "metadata": {"sea": "south"}})
    _write_lines(world.suite / "corpus.jsonl", documents)
    asked = [
        {"id": s, "question": f"Which port has the {s}?", "references": [p], "stale": ["Nowhere"], "evidence": [s]}
        for s, p in ships
    ]
    _write_lines(world.suite / "asked.jsonl", asked)
    picked = [{**case, "id": f"p-{case['id']}", "choices": sorted(PORTS.values())} for case in asked]
    _write_lines(world.suite / "picked.jsonl", picked)
    taught = [
        {"id": f"t-{s}", "question": f"Where is the {s} at home?", "references": [p], "evidence": [s]} for s, p in ships
    ]
    _write_lines(world.suite / "train.jsonl", taught)
    tried = [{**case, "id": f"v-{case['id']}", "question": f"Tell me: {case['question']}"} for case in asked]
    _write_lines(world.suite / "tried.jsonl", tried)
    kinds = {"train": "train", "tried": "validation", "asked": "in-domain", "picked": "shifted"}
    settings = {
        "name": "harbour",
        "decoding": {"max_new_tokens": 4},
        "corpus": "corpus.jsonl",
        "splits": {name: {"kind": kind, "file": f"{name}.jsonl"} for name, kind in kinds.items()},
    }
    (world.suite / "suite.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    shutil.copytree(tiny_base, world.base)
    _save_embedder(world.embedder, tiny_base)
    world.run()
    return world


@pytest.fixture
def world(finished: World, tmp_path: Path) -> World:
    """A copy of the finished run, inputs and cache, to be changed."""
    for name in ("harbour", "base", "embedder"):
        shutil.copytree(finished.folder / name, tmp_path / name)
    shutil.copytree(finished.folder / "cache", tmp_path / "cache", copy_function=os.link)
    return World(tmp_path)


@pytest.fixture(autouse=True)
def one_thread_again() -> Iterator[None]:
    """A request for threads is for the whole process."""
    yield
    torch.set_num_threads(1)


def _write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _save_embedder(folder: Path, tokenizer: Path) -> None:
    """A one-layer random BERT with the base's tokenizer, which makes vectors of its own kind."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from transformers import AutoTokenizer, BertConfig, BertModel

    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=300, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    BertModel(config).save_pretrained(folder / "inner")
    words = AutoTokenizer.from_pretrained(tokenizer)
    words.pad_token = words.eos_token
    words.save_pretrained(folder / "inner")
    inner = Transformer(str(folder / "inner"), max_seq_length=256)
    SentenceTransformer(modules=[inner, Pooling(16)]).save(str(folder))
    shutil.rmtree(folder / "inner")


def _save_reranker(folder: Path, tokenizer: Path) -> None:
    """A one-layer random cross-encoder with the base's tokenizer."""
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    torch.manual_seed(2)
    config = BertConfig(
        vocab_size=300, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, num_labels=1
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    words = AutoTokenizer.from_pretrained(tokenizer)
    words.pad_token = words.eos_token
    words.save_pretrained(folder)


def test_nothing_is_built_twice(world: World) -> None:
    """The same request on the same content, wherever suite, base, embedder and run lie, builds nothing."""
    assert world.run() == NOTHING


def test_the_base_may_be_trusted(world: World) -> None:
    """What has no code of its own is the same model, trusted or not."""
    assert world.run(trust_code=(str(world.base),)) == NOTHING


def test_a_recipe_by_another_name(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is learnt doesn't depend on what it is called."""
    monkeypatch.chdir(world.folder)
    (world.folder / "adapters").mkdir()
    content = {**yaml.safe_load((ADAPTERS / "lora.yaml").read_text(encoding="utf-8")), "name": "mine"}
    (world.folder / "adapters" / "mine.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    assert world.run(variants=("mine/zero-shot",), recipes={"mine": LORA}) == NOTHING


def test_an_earlier_run_is_gone_on_from(world: World, finished: World) -> None:
    """Weights that begin elsewhere are others."""
    (world.suite / "train.jsonl").write_text(
        json.dumps({"id": "new", "question": "Who is there?", "references": ["Nobody"]}) + "\n", encoding="utf-8"
    )
    on_the_base = world.run()
    assert on_the_base == TAUGHT | {"predictions"}
    assert world.run(recipes={"lora": {"data": {"continue_from": str(finished.folder / "run")}}}) == TAUGHT


def test_a_reranker_and_its_files(world: World) -> None:
    """A retriever with a cross-encoder finds in another order, and with another cross-encoder again."""
    _save_reranker(world.folder / "reranker", world.base)
    asked = {"retrieval": {"retrievers": {"mine": {"rerank": str(world.folder / "reranker")}}}}
    assert world.run(**asked) - {"predictions"} == FOUND  # and other prompts where another passage comes first
    assert world.run(**asked) == NOTHING
    _other_weights(world.folder / "reranker")
    assert world.run(**asked) - {"predictions"} == FOUND  # and other prompts where another passage comes first


def test_tasks_of_lm_eval_are_asked_beside(world: World) -> None:
    """They are answered once, and nothing else is."""
    pytest.importorskip("lm_eval")
    write_tasks(world.folder / "tasks")
    asked = {"retention": ("lm_eval:sums",), "lm_eval_tasks": world.folder / "tasks", "variants": ("base/zero-shot",)}
    assert world.run(**asked) == {"predictions"}
    assert world.run(**asked) == NOTHING


def test_another_suite_is_learnt(world: World) -> None:
    """A recipe may learn the train cases of another suite than the one that is compared."""
    other = shutil.copytree(world.suite, world.folder / "other")
    settings = yaml.safe_load((other / "suite.yaml").read_text(encoding="utf-8"))
    (other / "suite.yaml").write_text(yaml.safe_dump({**settings, "name": "other"}), encoding="utf-8")
    _write_lines(other / "train.jsonl", [{"id": "one", "question": "Who is there?", "references": ["Nobody"]}])
    assert world.run(recipes={"lora": {"data": {"suites": [str(other)]}}}) == TAUGHT


def recipe(**changes: Any) -> dict[str, Any]:
    return {"recipes": {"lora": changes}}


def training(**changes: Any) -> dict[str, Any]:
    return recipe(training=changes)


REQUESTS: dict[str, tuple[dict[str, Any], frozenset[str]]] = {
    "weights": ({"variants": (), "weights": ("base", "lora"), "contexts": ("zero-shot",)}, NOTHING),
    "contexts": ({"variants": (), "weights": ("base",), "contexts": ("zero-shot", "rag-1")}, NOTHING),
    "variants": ({"variants": (*VARIANTS, "base/few-shot-2")}, ASKED),
    "splits": ({"splits": ("asked",)}, frozenset({"latency"})),  # timed queries are spread over all splits
    "seeds": ({"seeds": 2}, frozenset({"weights", "predictions"})),
    "tune": ({"tune": 1}, frozenset({"predictions"})),  # the first trial is the recipe as it stands
    "loss_on": ({"loss_on": "all"}, TAUGHT),
    "limit": ({"limit": 3}, ASKED | FOUND),
    "device": ({"device": "cpu"}, NOTHING),
    "dtype": ({"dtype": "bfloat16"}, TAUGHT),
    "load_in": ({"load_in": "4bit"}, TAUGHT),
    "device_map": ({"device_map": "auto"}, frozenset({"latency"})),
    "max_memory": ({"device_map": "auto", "max_memory": {"cpu": "8GiB"}}, frozenset({"latency"})),
    "threads": ({"threads": 2}, frozenset({"latency"})),
    "shard": ({"shard": 3}, frozenset({"predictions"})),
    "prices": ({"prices": PRICES}, NOTHING),
    "margin": ({"margin": 0.2}, NOTHING),
    "require": ({"require": ("asked >= 0.5",)}, NOTHING),
    "queries_per_month": ({"queries_per_month": 100.0, "updates_per_month": 0.0}, NOTHING),
    "updates_per_month": ({"queries_per_month": 1.0, "updates_per_month": 2.0}, NOTHING),
    "trust_metrics": ({"trust_metrics": ("own",)}, NOTHING),
    "retrieval.chunk.tokens": ({"retrieval": {"chunk": {"tokens": 100}}}, SAME_CUT),
    "retrieval.chunk.overlap": ({"retrieval": {"chunk": {"overlap": 8}}}, SAME_CUT),
    "retrieval.index": ({"retrieval": {"index": "HNSW8"}}, FOUND | {"index"}),
    "retrieval.language": ({"retrieval": {"language": None}}, FOUND | {"sparse"}),
    "retriever.kind": ({"retrieval": {"retrievers": {"mine": {"kind": "bm25"}}}}, FOUND),
    "retriever.candidates": ({"retrieval": {"retrievers": {"mine": {"candidates": 2}}}}, FOUND),
    "retriever.filter": ({"retrieval": {"retrievers": {"mine": {"filter": {"sea": "north"}}}}}, FOUND),
    "recipe.method": (recipe(method="rslora"), TAUGHT),
    "recipe.description": (recipe(description="other words"), NOTHING),
    "recipe.search": (recipe(search={"training.epochs": {"choices": [1, 2]}}), NOTHING),
    "training.epochs": (training(epochs=2), TAUGHT),
    "training.batch_size": (training(batch_size=1), TAUGHT),
    "training.micro_batch_size": (training(micro_batch_size=1), TAUGHT),
    "training.learning_rate": (training(learning_rate=1e-3), TAUGHT),
    "training.schedule": (training(schedule="constant"), TAUGHT),
    "training.warmup": (training(warmup=0.5), TAUGHT),
    "training.weight_decay": (training(weight_decay=0.1), TAUGHT),
    "training.gradient_norm": (training(gradient_norm=0.01), TAUGHT),
    "training.optimizer": (training(optimizer="lightest"), frozenset({"weights"})),  # which is adamw on a CPU
    "training.early_stopping": (training(early_stopping=1), TAUGHT),
    "training.gradient_checkpointing": (training(gradient_checkpointing=True), frozenset({"weights"})),
    "training.bf16": (training(bf16=True), TAUGHT),
    "settings.rank": (recipe(settings={"rank": 4}), TAUGHT),
    "settings.alpha": (recipe(settings={"alpha": 16}), TAUGHT),
    "settings.dropout": (recipe(settings={"dropout": 0.1}), TAUGHT),
    "settings.target_modules": (recipe(settings={"target_modules": ["q_proj"]}), TAUGHT),
    "data.train_context": (recipe(data={"train_context": "rag-1"}), TAUGHT | {"hits"}),
    "data.temperature": (recipe(data={"temperature": 2}), NOTHING),  # of one suite
    "data.without_evidence": (
        recipe(data={"train_context": "rag-1", "without_evidence": 1.0}),
        TAUGHT | {"hits"},
    ),
    "data.supervised": (recipe(data={"weak": 2, "supervised": False}), TAUGHT),
    "data.templates": (recipe(data={"templates": ["Tell: {{ question }}"]}), TAUGHT),
    "data.weak": (recipe(data={"weak": 2}), TAUGHT),
}


@pytest.mark.parametrize(("changes", "rebuilt"), REQUESTS.values(), ids=REQUESTS.keys())
def test_a_field_of_the_request(world: World, changes: dict[str, Any], rebuilt: frozenset[str]) -> None:
    """It rebuilds what depends on it, and nothing else."""
    assert world.run(**changes) == rebuilt


def row(name: str, number: int = 0, **changes: Any) -> Callable[[World], None]:
    return lambda world: world.edit_row(name, number, **changes)


def settings(**changes: Any) -> Callable[[World], None]:
    return lambda world: world.edit_suite(**changes)


def _more_documents(world: World) -> None:
    with (world.suite / "corpus.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"id": "Tern", "text": "Nor for the Tern."}) + "\n")


SUITES: dict[str, tuple[Callable[[World], None], frozenset[str]]] = {
    "description": (settings(description="other words"), NOTHING),
    "prompt.instruction": (settings(prompt={"instruction": "Answer."}), TAUGHT),
    "prompt.passage": (settings(prompt={"passage": "{{ text }}\n"}), ASKED),
    "prompt.question": (settings(prompt={"question": "{{ question }}"}), TAUGHT),
    "decoding.max_new_tokens": (settings(decoding={"max_new_tokens": 5}), ASKED),
    "decoding.stop": (settings(decoding={"stop": ["."]}), ASKED),
    "split.metrics": (settings(splits={"asked": {"metrics": ["token_f1"]}}), NOTHING),
    "split.evidence": (settings(splits={"asked": {"evidence": "any"}}), NOTHING),
    "split.kind": (settings(splits={"asked": {"kind": "shifted"}}), NOTHING),
    "split.as_of": (settings(splits={"asked": {"as_of": "2020-01-01"}}), NOTHING),  # the same documents then
    "document.id": (row("corpus.jsonl", 4, id="Tern"), UNSHOWN),
    "document.title": (row("corpus.jsonl", title="Another"), CUT),
    "document.text": (row("corpus.jsonl", text="The Otter is at home in Corvo."), CUT),
    "document.metadata": (row("corpus.jsonl", metadata={"sea": "south"}), UNSHOWN),
    "document.valid_from": (row("corpus.jsonl", valid_from="2020-01-01"), NOTHING),
    "document.valid_until": (row("corpus.jsonl", 4, valid_until="2020-01-01"), UNSHOWN),
    "documents": (_more_documents, UNSHOWN),
    "case.id": (row("asked.jsonl", id="other"), NOTHING),
    "case.question": (row("asked.jsonl", question="Where does the Otter live?"), ASKED | FOUND),
    "case.references": (row("asked.jsonl", references=["Brindle", "the Brindle"]), NOTHING),
    "case.choices": (row("picked.jsonl", choices=["Brindle", "Corvo", "Dunmere"]), ASKED),
    "case.evidence": (row("asked.jsonl", evidence=["Heron"]), NOTHING),
    "case.stale": (row("asked.jsonl", stale=["Elsewhere"]), NOTHING),
    "case.weak": (row("asked.jsonl", weak=True), NOTHING),
    "case.group": (row("asked.jsonl", group="ships"), NOTHING),
    "train.question": (row("train.jsonl", question="Where does the Otter live?"), TAUGHT),
    "train.references": (row("train.jsonl", references=["Corvo"]), TAUGHT),
    "train.id": (row("train.jsonl", id="other"), NOTHING),
    "validation": (row("tried.jsonl", question="Where does the Otter live?"), NOTHING),  # nobody looks at it
}


@pytest.mark.parametrize(("change", "rebuilt"), SUITES.values(), ids=SUITES.keys())
def test_a_field_of_the_suite(world: World, change: Callable[[World], None], rebuilt: frozenset[str]) -> None:
    """It rebuilds what depends on it, and nothing else."""
    change(world)
    assert world.run() == rebuilt


def _other_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    weights = load_file(path)
    name = sorted(weights)[0]
    save_file({**weights, name: weights[name] + 0.5}, path, metadata={"format": "pt"})


def _other_json(name: str, **changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = json.loads((folder / name).read_text(encoding="utf-8"))
        (folder / name).write_text(json.dumps({**content, **changes}), encoding="utf-8")

    return change


FILES: dict[str, tuple[str, Callable[[Path], None], frozenset[str]]] = {
    "base: weights": ("base", _other_weights, TAUGHT),
    "base: config.json": ("base", _other_json("config.json", rope_theta=20000.0), TAUGHT),
    "base: generation_config.json": ("base", _other_json("generation_config.json", eos_token_id=5), TAUGHT),
    "base: tokenizer_config.json": ("base", _other_json("tokenizer_config.json", note="other"), TAUGHT),
    "base: a chat template": (
        "base",
        lambda folder: (folder / "chat_template.jinja").write_text(CHAT),
        TAUGHT,
    ),
    "base: a note": ("base", lambda folder: (folder / "NOTES.md").write_text("mine"), NOTHING),
    "embedder: weights": ("embedder", _other_weights, EMBEDDED),
    "embedder: config.json": ("embedder", _other_json("config.json", layer_norm_eps=1e-3), EMBEDDED),
    "embedder: a note": ("embedder", lambda folder: (folder / "README.md").write_text("other"), NOTHING),
}


@pytest.mark.parametrize(("place", "change", "rebuilt"), FILES.values(), ids=FILES.keys())
def test_a_file_of_a_model(world: World, place: str, change: Callable[[Path], None], rebuilt: frozenset[str]) -> None:
    """Another byte in it is another model."""
    change(world.folder / place)
    assert world.run() == rebuilt


ELSEWHERE = {
    **dict.fromkeys(["suite", "model", "embedder", "out", "data"], "places: test_nothing_is_built_twice"),
    **dict.fromkeys(["recipes", "retrieval", "retrieval.chunk", "retrieval.retrievers"], "field by field"),
    **dict.fromkeys(["recipe.settings", "recipe.training", "recipe.data"], "field by field"),
    "trust_code": "test_the_base_may_be_trusted",
    "recipe.name": "test_a_recipe_by_another_name",
    "data.suites": "test_another_suite_is_learnt",
    "data.continue_from": "test_an_earlier_run_is_gone_on_from",
    "retriever.rerank": "test_a_reranker_and_its_files",
    **dict.fromkeys(["retention", "lm_eval_tasks"], "test_tasks_of_lm_eval_are_asked_beside"),
    "backend": "tests/pipeline/test_backends.py: vLLM needs a GPU",
    **dict.fromkeys(["executor", "address"], "tests/pipeline/test_executors.py: the driver builds nothing"),
    **dict.fromkeys(["server", "served"], "tests/pipeline/test_served_road.py, with a server"),
}
AUDITED: dict[str, type[BaseModel]] = {
    "": CompareConfig,
    "recipe.": Recipe,
    "training.": TrainingSettings,
    "settings.": LoraSettings,
    "data.": DataSettings,
    "retrieval.": RetrievalSettings,
    "retrieval.chunk.": ChunkSettings,
    "retriever.": RetrieverSettings,
    "prompt.": PromptSettings,
    "decoding.": DecodingSettings,
    "case.": Case,
    "document.": Document,
}


@pytest.mark.parametrize("place", AUDITED, ids=[kind.__name__ for kind in AUDITED.values()])
def test_no_field_is_left_out(place: str) -> None:
    """A new field must say here what it rebuilds."""
    listed = REQUESTS.keys() | SUITES.keys() | ELSEWHERE.keys()
    missing = [name for name in AUDITED[place].model_fields if f"{place}{name}" not in listed]
    assert missing == []
