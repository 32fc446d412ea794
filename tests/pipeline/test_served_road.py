"""Models behind a real server, `transformers serve`: same answers as here, nothing asked twice, no key anywhere."""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from forked import Command, Forks

from harness.commands.console import pairs
from harness.errors import ApiError, InputError, ProofError
from harness.pipeline import CompareConfig, run_comparison
from harness.reporting import read_run, render, write_html, write_report
from harness.runs import Cache

POCKET = Path(__file__).parents[2] / "suites" / "pocket" / "base"
# The turns one after the other: a chat that reads as the plain prompts on which the pocket base was trained.
TEMPLATE = "{% for m in messages %}{{ m.content if m.role == 'user' else ' ' + m.content + '\n\n' }}{% endfor %}"
KEY = "sk-served-0123456789abcdef"
SPLITS = ("in_domain", "new_facts")


@dataclass
class Served:
    """The server: where it is, and the requests for answers that came; `meets` is called with each."""

    url: str
    bodies: list[dict[str, Any]] = field(default_factory=list)
    meets: Callable[[int], None] = lambda number: None

    def meet(self, body: dict[str, Any]) -> None:
        self.bodies.append(body)
        self.meets(len(self.bodies))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pocket base with a chat template, once more under another name, and with weights that differ a little."""
    import torch
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("models")
    for name in ("base", "copy", "tuned"):
        shutil.copytree(POCKET, folder / name)
        (folder / name / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(POCKET, dtype=torch.float32)
    with torch.no_grad():
        for weights in model.parameters():
            weights += 0.3 * weights.std() * torch.randn_like(weights) if weights.dim() > 1 else 0
    model.save_pretrained(folder / "tuned")
    return folder


@pytest.fixture(scope="module")
def running() -> Iterator[Served]:
    """`transformers serve` on a free port, which loads any model that it is asked for."""
    for needed in ("fastapi", "uvicorn", "openai"):
        pytest.importorskip(needed, reason=f"transformers serve needs {needed}")
    from transformers.cli.serve import Serve
    from transformers.cli.serving.chat_completion import ChatCompletionHandler
    from transformers.cli.serving.completion import CompletionHandler

    handlers = (ChatCompletionHandler, CompletionHandler)
    originals = [handler.handle_request for handler in handlers]

    def counted(original: Any) -> Any:
        async def handle(self: Any, body: dict[str, Any], request: str) -> Any:
            served.meet(body)
            return await original(self, body, request)

        return handle

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        for handler, original in zip(handlers, originals, strict=True):
            patch.setattr(handler, "handle_request", counted(original))
        serve = Serve(host="127.0.0.1", port=0, device="cpu", dtype="float32", non_blocking=True)
        while not serve.server.started:
            serve._thread.join(0.01)
            assert serve._thread.is_alive()
        served = Served(f"http://127.0.0.1:{serve.server.servers[0].sockets[0].getsockname()[1]}/v1")
        yield served
        serve.kill_server()


@pytest.fixture
def server(running: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """The server, with nothing counted yet."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    running.bodies.clear()
    yield running
    running.meets = lambda number: None


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    """One cache for what is retrieved; replies are asked for in other contexts by each test."""
    return Cache(tmp_path_factory.mktemp("cache"))


def predictions(run: Path, variant: str) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for split in SPLITS
        for line in (run / "predictions" / variant / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
    ]


@pytest.mark.parametrize("endpoint", ["chat", "completions"])
def test_a_server_says_what_the_engine_says(server, models, cache, tmp_path, endpoint):
    """The same model answers the same prompts with the same text behind a server, and counts the same tokens."""
    asked: dict[str, Any] = {
        "suite": "pocket",
        "variants": ("base/zero-shot", "base/few-shot-2", "base/rag-2+few-shot-1"),
        "splits": SPLITS,
        "limit": 4,
    }
    settings = {"url": server.url, "endpoint": endpoint, "concurrency": 3, "tokenizer": str(models / "base")}
    if endpoint == "chat":
        settings.pop("tokenizer")
    there = CompareConfig(**asked, model=str(models / "base"), server=settings, out=tmp_path / "there")
    found = run_comparison(there, cache=cache)
    local = models / "base" if endpoint == "chat" else POCKET
    here = CompareConfig(**asked, model=str(local), out=tmp_path / "here")
    expected = run_comparison(here, cache=cache)
    for variant in asked["variants"]:
        compared = ("case", "text", "passages", "prompt_tokens", "generated_tokens")
        pairs = zip(predictions(found.run, variant), predictions(expected.run, variant), strict=True)
        for ours, theirs in pairs:
            assert {name: ours[name] for name in compared} == {name: theirs[name] for name in compared}
    assert len(server.bodies) == 3 * 2 * 4
    assert found.comparison.base.parameters is None
    assert [cost.flops_per_query for cost in found.comparison.costs] == [None] * 3
    assert all(cost.p95_seconds and cost.prompt_tokens_per_query for cost in found.comparison.costs)
    answered = json.loads((found.run / "run.json").read_text(encoding="utf-8"))["served"]
    told = answered["models"][str(models / "base")]["answered_by"]
    assert [one["replies"] for one in told] == [24]


def test_a_model_of_another_name_is_another_or_is_not_scored(server, models, cache, tmp_path):
    """A fine-tuned model stands beside the base; one that answers everything as the base does is told and left out."""
    config = CompareConfig(
        suite="pocket",
        model=str(models / "base"),
        server={"url": server.url},
        served={"tuned": str(models / "tuned"), "copy": str(models / "copy")},
        contexts=("zero-shot",),
        splits=SPLITS,
        limit=5,
        out=tmp_path / "run",
    )
    found = run_comparison(config, cache=cache)
    assert [variant.name for variant in found.comparison.variants] == ["base/zero-shot", "tuned/zero-shot"]
    assert [variant.trainable_parameters for variant in found.comparison.variants] == [0, None]
    (failure,) = found.comparison.failures
    assert failure.variant == "copy/zero-shot"
    assert "answers all 10 prompts exactly as" in failure.reason
    write_report(found.run, read_run(found.run))
    write_html(found.run, read_run(found.run))
    assert "unknown size" in (found.run / "report.md").read_text(encoding="utf-8")
    assert render(found.comparison)


def test_without_the_base_it_is_asked_for_the_proof(server, models, cache, tmp_path):
    """Where only fine-tuned models are compared, the base answers until they differ, and is not scored."""
    config = CompareConfig(
        suite="pocket",
        model=str(models / "base"),
        server={"url": server.url, "concurrency": 1},
        served={"copy": str(models / "copy")},
        variants=("copy/few-shot-3",),
        splits=("in_domain",),
        limit=3,
        out=tmp_path / "run",
    )
    with pytest.raises(ProofError, match="answers all 3 prompts exactly as"):
        run_comparison(config, cache=cache)
    assert len(server.bodies) == 6


def holds_key(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_killed_it_goes_on_and_asks_nothing_twice(server, models, tmp_path):
    """After kill -9 with requests under way only those are asked again; then nothing, and no file holds the key."""
    text = f"suite: pocket\nmodel: {models / 'base'}\nserver: {{url: {server.url}, concurrency: 2}}\nout: run\n"
    (tmp_path / "ask.yaml").write_text(text + "contexts: [zero-shot, few-shot-1]\nlimit: 5\n", encoding="utf-8")
    command = Command(str(tmp_path), ("compare", "--config", "ask.yaml", "--splits", ",".join(SPLITS), "--verbose"))
    with Forks() as forks:
        begun: list[int] = []
        server.meets = lambda number: os.kill(begun[0], signal.SIGKILL) if number == 11 else None
        begun.append(forks.start(command))
        assert forks.wait() == -signal.SIGKILL
        server.meets = lambda number: None
        assert forks.run(command) == 0, (tmp_path / "output.txt").read_text()
        asked = [json.dumps(body, sort_keys=True) for body in server.bodies]
        assert len(set(asked)) == 20
        assert len(asked) <= 20 + 2  # those that were under way
        first = (tmp_path / "run" / "scores.jsonl").read_bytes()
        shutil.rmtree(tmp_path / "run")
        server.bodies.clear()
        assert forks.run(command) == 0
    assert server.bodies == []
    assert (tmp_path / "run" / "scores.jsonl").read_bytes() == first
    assert (tmp_path / "run" / "log.jsonl").is_file()
    assert holds_key(tmp_path) == []


def test_choices_behind_a_server_without_loglikelihoods(server, models, suite, tmp_path):
    """This server refuses to give log-likelihoods: the run says so, and what to do."""
    config = CompareConfig(
        suite=str(suite),
        model=str(models / "base"),
        server={"url": server.url, "endpoint": "completions"},
        contexts=("zero-shot",),
        out=tmp_path / "run",
    )
    with pytest.raises(InputError, match="gives no log-likelihoods of given answers"):
        run_comparison(config, cache=Cache(tmp_path / "cache"))


def test_a_model_that_is_not_there(server, suite, tmp_path):
    """The server's own words, and what to check."""
    config = CompareConfig(
        suite=str(suite),
        model="no/such-model",
        server={"url": server.url, "retries": 0},
        contexts=("zero-shot",),
        splits=("asked",),
        out=tmp_path / "run",
    )
    with pytest.raises(ApiError, match="chat/completions"):
        run_comparison(config, cache=Cache(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model": None}, "--server needs --model"),
        ({"model": ""}, "--server needs --model"),
        ({"server": {"url": "localhost:1"}}, "begins with http:// or https://"),
        ({"server": None, "served": {"mine": "m"}}, "--served names models of a server, and there is none"),
        ({"served": {"base": "m"}}, "'base' can't name weights"),
        ({"served": {"mine": ""}}, "--served mine: names no model"),
        ({"weights": ("lora",)}, "its method 'lora' trains here.*--served lora=MODEL"),
        ({"served": {"mine": "m"}, "weights": ("mine@0.5",)}, "mine@0.5: a server gives no weights"),
        ({"served": {"mine": "m"}, "weights": ("mine>lora",)}, "mine>lora: a server gives no weights"),
        ({"splits": ()}, "picked: cases with choices.*--splits asked"),
        ({"executor": "ray"}, "asked from this process alone"),
        (
            {"backend": "vllm", "load_in": "8bit", "device_map": "auto", "dtype": "bfloat16"},
            "--backend, --load-in, --device-map, --dtype: says how a base is computed here",
        ),
    ],
)
def test_what_a_server_can_not_be_asked(changes, told, suite, tmp_path):
    """Every such mistake is told before anything is asked: nothing listens at this address."""
    asked = {"model": "m", "server": {"url": "http://127.0.0.1:9/v1"}, "splits": ("asked",), "contexts": ("zero-shot",)}
    config = CompareConfig(suite=str(suite), out=tmp_path / "run", **{**asked, **changes})
    with pytest.raises(InputError, match=f"(?s){told}"):
        run_comparison(config, cache=Cache(tmp_path / "cache"))


def test_a_known_tokenizer_leaves_passages_out_where_the_window_is_short(server, models, tmp_path):
    """With --tokenizer the prompts are fitted to the window that its folder names, as those of a model here are."""
    short = tmp_path / "short"
    shutil.copytree(models / "base", short)
    settings = json.loads((short / "config.json").read_text(encoding="utf-8"))
    (short / "config.json").write_text(json.dumps(settings | {"max_position_embeddings": 80}), encoding="utf-8")
    config = CompareConfig(
        suite="pocket",
        model=str(models / "base"),
        server={"url": server.url, "tokenizer": str(short)},
        contexts=("rag-3:bm25",),
        splits=("in_domain",),
        limit=3,
        out=tmp_path / "run",
    )
    found = run_comparison(config, cache=Cache(tmp_path / "cache"))
    (use,) = found.comparison.passages
    assert 0 < use.shown < use.retrieved == 3


def test_models_are_named_on_the_command_line():
    """NAME=MODEL, where a model's name may hold colons and more; a name without one, or twice, is told."""
    assert pairs("mine=ft:small:acme::x1, other=org/name=2", "--served") == {
        "mine": "ft:small:acme::x1",
        "other": "org/name=2",
    }
    assert pairs(None, "--served") is None
    for listed in ("mine", "mine=", "=model", "mine=a,mine=b"):
        with pytest.raises(InputError, match="--served"):
            pairs(listed, "--served")
