"""Fine-tuning by a provider: trained once whatever happens, asked by name, paid by tokens, and never unasked."""

import json
import logging
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from stub_server import BASE, KEY, Fault, Stub

from harness.api import Server
from harness.errors import ApiError, InputError, TrainingError
from harness.pipeline import CompareConfig, Silent, run_comparison
from harness.pipeline.served import finetune
from harness.pipeline.served.made import means, served_model
from harness.pipeline.served.teaching import KIND, Teaching, jsonl
from harness.runs import Artifact, Cache
from harness.weights import ApiFinetuneSettings, load_recipe, method_of, read_record

JOBS = "/fine_tuning/jobs"
SHIPS = "Otter Heron Badger Falcon Osprey Marten Stoat Lynx Raven Plover Gannet Curlew".split()
QUICK = {"poll_seconds": 0.01}


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with Stub().serve() as stub:
        yield stub


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def ports(tmp_path: Path) -> Path:
    """Twelve facts: taught in one wording, validated in a second, asked in a third."""
    folder = tmp_path / "ports"
    folder.mkdir()
    splits = {"train": "train", "check": "validation", "asked": "in-domain"}
    settings = {
        "name": "ports",
        "decoding": {"max_new_tokens": 8},
        "corpus": "corpus.jsonl",
        "prompt": {"instruction": "Answer with one word."},
        "splits": {name: {"kind": kind, "file": f"{name}.jsonl"} for name, kind in splits.items()},
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    write_lines(folder / "corpus.jsonl", [{"id": s, "text": f"The {s} is at home in {s}port."} for s in SHIPS])
    wordings = {
        "train": "Where is the {} at home?",
        "check": "At home, where is the {} found?",
        "asked": "Where at home is the {} in fact?",
    }
    for split, wording in wordings.items():
        rows = [
            {"id": f"{split}-{s}", "question": wording.format(s), "references": [f"{s}port"], "evidence": [s]}
            for s in SHIPS
        ]
        write_lines(folder / f"{split}.jsonl", rows)
    return folder


class Watched(Silent):
    """Calls `at` with each step of a training that is told."""

    def __init__(self, at: Callable[[int], None]) -> None:
        self._at = at

    @contextmanager
    def task(self, description: str, total: int) -> Iterator[Callable[[int], None]]:
        yield self._at if description.startswith("train ") else lambda steps: None


def teaching(stub: Stub, **changes: Any) -> Teaching:
    """What a server shall learn of the ships."""
    chats = [[{"role": "user", "content": f"Where is {s}?"}, {"role": "assistant", "content": s}] for s in SHIPS]
    settings = changes.pop("settings", {})
    values: dict[str, Any] = {
        "name": "api-finetune",
        "server": Server(stub.url, timeout_seconds=5),
        "model": BASE,
        "settings": ApiFinetuneSettings(**{**QUICK, **settings}),
        "examples": chats,
        "validation": [],
        "seed": 0,
    }
    return Teaching(**{**values, **changes})


def teach(taught: Teaching, cache: Cache, progress: Silent) -> Artifact:
    """What the server makes of one teaching; raises what went wrong."""
    (outcome,) = finetune.teach([taught], cache, progress)
    if isinstance(outcome, TrainingError):
        raise outcome
    return outcome


def model_of(artifact: Artifact) -> str:
    return served_model(artifact.path)


def request(ports: Path, stub: Stub, **changes: Any) -> CompareConfig:
    values: dict[str, Any] = {
        "suite": str(ports),
        "model": BASE,
        "server": {"url": stub.url},
        "weights": ("base", "api-finetune"),
        "contexts": ("zero-shot",),
        "recipes": {"api-finetune": {"settings": QUICK}},
        "out": ports.parent / "run",
    }
    return CompareConfig.model_validate({**values, **changes})


def unfinished(cache: Cache, taught: Teaching) -> Path:
    return cache.unfinished(KIND, taught.inputs)


# The whole road


def test_the_whole_road(stub: Stub, ports: Path, cache: Cache, caplog: pytest.LogCaptureFixture) -> None:
    """The fine-tuned model is asked by its name and knows what it was taught; a second run sends nothing."""
    caplog.set_level(logging.DEBUG)
    prices = ports.parent / "prices.yaml"
    prices.write_text("gpu_hour: 2\nmillion_trained_tokens: 3\n")
    config = request(ports, stub, prices=prices)
    result = run_comparison(config, cache=cache)
    means = {cell.variant: cell.mean for cell in result.comparison.cells if cell.metric == "exact_match"}
    assert means == {"base/zero-shot": 0, "api-finetune/zero-shot": 1}
    (job,) = stub.jobs.values()
    manifest = json.loads((result.run / "run.json").read_text())
    record = manifest["training"]["api-finetune, seed 0"]
    assert (record["model"], record["job"], record["steps"]) == (job["fine_tuned_model"], job["id"], 36)
    assert record["losses"] == sorted(record["losses"], reverse=True)
    assert len(record["losses"]) == 3
    cost = {cost.variant: cost for cost in result.comparison.costs}["api-finetune/zero-shot"]
    assert cost.trained_tokens == job["trained_tokens"]
    assert cost.train_seconds == job["finished_at"] - job["created_at"]
    (_, price) = result.comparison.priced
    assert price.build == pytest.approx(3e-6 * job["trained_tokens"], rel=1e-5)

    asked = len(stub.asked)
    run_comparison(config, cache=cache)
    assert len(stub.asked) == asked
    for path in ports.parent.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path
    assert KEY not in caplog.text
    assert caplog.text.count("sending 12 training examples") == 1


@pytest.mark.parametrize("context", ["zero-shot", "few-shot-2", "rag-1:oracle"])
def test_it_is_taught_as_it_is_asked(stub: Stub, ports: Path, cache: Cache, context: str) -> None:
    """The turns of an example are those of a prompt, but for the question; then comes the reference."""
    recipe = {"settings": QUICK, "data": {"train_context": context}}
    run_comparison(request(ports, stub, contexts=(context,), recipes={"api-finetune": recipe}), cache=cache)
    (job,) = stub.jobs.values()
    taught = [json.loads(line)["messages"] for line in stub.contents[job["training_file"]].splitlines()]
    asked = [one.body["messages"] for one in stub.asked if one.path == "/chat/completions"]
    assert [chat[-1]["role"] for chat in taught] == ["assistant"] * len(SHIPS)
    assert {chat[-1]["content"] for chat in taught} == {f"{ship}port" for ship in SHIPS}
    last = [(chat[0]["content"][:20], chat[-2]["content"].replace("at home?", "in fact?")) for chat in taught]
    prompts = [(chat[0]["content"][:20], chat[-1]["content"].replace("at home is the", "is the")) for chat in asked]
    assert set(last) == set(prompts)
    shown = {len(chat) for chat in taught}
    assert shown == ({4, 6} if context == "few-shot-2" else {2})  # an example isn't shown with itself as a shot


def test_each_seed_is_its_own_job(stub: Stub, ports: Path, cache: Cache) -> None:
    """Every seed is trained by the provider with that seed, and asked by its own name."""
    run_comparison(request(ports, stub, seeds=2), cache=cache)
    assert [job["seed"] for job in stub.jobs.values()] == [0, 1]
    names = {job["fine_tuned_model"] for job in stub.jobs.values()}
    assert {one.body["model"] for one in stub.asked if one.path == "/chat/completions"} == {BASE, *names}


def test_a_failed_job_costs_its_variants_only(stub: Stub, ports: Path, cache: Cache) -> None:
    """The others are compared, the job's own message is told, and the next run starts another."""
    stub.job_error = "The GPU caught fire."
    result = run_comparison(request(ports, stub), cache=cache)
    assert [variant.name for variant in result.comparison.variants] == ["base/zero-shot"]
    (failure,) = result.comparison.failures
    assert failure.variant == "api-finetune/zero-shot"
    assert "ended as failed: The GPU caught fire." in failure.reason
    stub.job_error = ""
    result = run_comparison(request(ports, stub), cache=cache)
    assert not result.comparison.failures
    assert [job["status"] for job in stub.jobs.values()] == ["failed", "succeeded"]


def test_validation_cases_are_sent_where_it_is_asked(stub: Stub, ports: Path, cache: Cache) -> None:
    """They go up as a file of their own, and the provider's validation losses are recorded."""
    settings = {**QUICK, "validation": True, "hyperparameters": {"n_epochs": 2, "learning_rate_multiplier": 0.5}}
    result = run_comparison(request(ports, stub, recipes={"api-finetune": {"settings": settings}}), cache=cache)
    (job,) = stub.jobs.values()
    assert b"At home, where is the Otter found?" in stub.contents[job["validation_file"]]
    record = json.loads((result.run / "run.json").read_text())["training"]["api-finetune, seed 0"]
    assert len(record["validation_losses"]) == 2
    assert job["hyperparameters"] == {"n_epochs": 2, "batch_size": 1, "learning_rate_multiplier": 0.5}


# Never unasked


def refused(config: CompareConfig, stub: Stub, cache: Cache, told: str) -> None:
    """Asserts that the mistake is told, and that the server was never asked."""
    with pytest.raises(InputError, match=told):
        run_comparison(config, cache=cache)
    assert not stub.asked


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"tune": 2}, "every trial would be a job that is paid for"),
        ({"loss_on": "all"}, "learns answers only"),
        ({"weights": ("base", "api-finetune@0.5")}, "api-finetune@0.5"),
        ({"weights": ("base", "api-finetune>api-finetune")}, "api-finetune"),
    ],
    ids=["tuned", "loss-on-all", "between", "chain"],
)
def test_what_a_provider_can_not_do_is_refused(
    stub: Stub, ports: Path, cache: Cache, changes: dict[str, Any], told: str
) -> None:
    """It is told before anything is sent."""
    refused(request(ports, stub, **changes), stub, cache, told)


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        ({"training": {"learning_rate": 1e-4}}, "Take it out"),
        ({"settings": {"hyperparameters": {"epochs": 2}}}, "n_epochs"),
        ({"settings": {"suffix": "a b"}}, "suffix"),
        ({"data": {"continue_from": "earlier"}}, "begins with the base"),
    ],
    ids=["local-training", "unknown-hyperparameter", "suffix", "continued"],
)
def test_a_recipe_that_can_not_be_taught_is_refused(
    stub: Stub, ports: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch, recipe: dict[str, Any], told: str
) -> None:
    """It is told before anything is sent."""
    (ports.parent / "earlier").mkdir()
    (ports.parent / "earlier" / "run.json").write_text("{}")
    monkeypatch.chdir(ports.parent)
    refused(request(ports, stub, recipes={"api-finetune": recipe}), stub, cache, told)


def test_it_needs_a_server_that_chats(stub: Stub, ports: Path, cache: Cache, tiny_base: Path) -> None:
    """Without a server, or with one that is asked in plain text, the recipe is refused."""
    refused(request(ports, stub, server=None, model=str(tiny_base)), stub, cache, "--server URL --model NAME")
    refused(request(ports, stub, server={"url": stub.url, "endpoint": "completions"}), stub, cache, "plain text")


def test_it_needs_a_price(stub: Stub, ports: Path, cache: Cache) -> None:
    """With prices that don't say what training costs, nothing is sent."""
    prices = ports.parent / "prices.yaml"
    prices.write_text("gpu_hour: 2\n")
    refused(request(ports, stub, prices=prices), stub, cache, "million_trained_tokens")


def test_it_needs_validation_cases_to_send(stub: Stub, ports: Path, cache: Cache) -> None:
    """A recipe that asks for them is refused where the suite has none."""
    settings = yaml.safe_load((ports / "suite.yaml").read_text())
    del settings["splits"]["check"]
    (ports / "suite.yaml").write_text(yaml.safe_dump(settings))
    recipes = {"api-finetune": {"settings": {"validation": True}}}
    refused(request(ports, stub, recipes=recipes), stub, cache, "no split of kind validation")


def test_all_never_stands_for_it(ports: Path, tiny_base: Path) -> None:
    """`--weights all` names neither the recipe nor anything on top of it."""
    from harness.pipeline.recipes import everything
    from harness.suite import load_suite

    every = everything(CompareConfig(model=str(tiny_base)), load_suite(str(ports)))
    assert "lora" in every
    assert not [name for name in every if "api" in name]


def test_what_leaves_is_told_first(stub: Stub, cache: Cache, caplog: pytest.LogCaptureFixture) -> None:
    """Before the upload one line says how many examples and bytes go where; what fails then was told already."""
    taught = teaching(stub)
    stub.faults.append(Fault("400", "^/files$", "POST"))
    with pytest.raises(ApiError):
        teach(taught, cache, Silent())
    size = len(jsonl(taught.examples))
    assert f"sending 12 training examples ({size:,} bytes) to {stub.url}" in caplog.text


# Trained once


def test_the_key_is_what_the_model_depends_on(stub: Stub) -> None:
    """How often it is looked at, and who watches, isn't part of it; everything that is sent is."""
    inputs = teaching(stub).inputs
    for same in ({"name": "other"}, {"settings": {"poll_seconds": 99}}, {"settings": {"keep_files": False}}):
        assert teaching(stub, **same).inputs == inputs
    others: list[dict[str, Any]] = [
        {"model": "other"},
        {"seed": 1},
        {"server": Server("http://localhost:1/v1")},
        {"examples": teaching(stub).examples[1:]},
        {"examples": teaching(stub).examples[::-1]},
        {"validation": teaching(stub).examples[:1]},
        {"settings": {"suffix": "x"}},
        {"settings": {"hyperparameters": {"n_epochs": 1}}},
    ]
    labels = {teaching(stub, **other).label for other in others}
    assert len(labels | {teaching(stub).label}) == len(others) + 1


def in_a_process_that_dies(act: Callable[[], object], when: Callable[[], bool]) -> bool:
    """Runs `act` in a forked process, and kills that as soon as `when`; whether it ended before."""
    child = os.fork()
    if child == 0:
        try:
            act()
        finally:
            os._exit(0)
    while not when():
        if os.waitpid(child, os.WNOHANG) != (0, 0):
            return True
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


@pytest.mark.parametrize("keeps", [True, False], ids=["metadata-kept", "metadata-dropped"])
@pytest.mark.parametrize("honoured", [True, False], ids=["idempotency-honoured", "idempotency-ignored"])
@pytest.mark.parametrize("moment", ["upload", "start", "queued", "running"])
def test_killed_at_any_moment_it_is_trained_once(
    stub: Stub, cache: Cache, moment: str, honoured: bool, keeps: bool
) -> None:
    """After kill -9, even between a request and its reply, the same call finds file and job and starts no other."""
    stub.honours_idempotency, stub.keeps_metadata = honoured, keeps
    taught = teaching(stub)
    reply = {"upload": Fault("slow-after", "^/files$", "POST", seconds=30)}
    reply["start"] = Fault("slow-after", f"^{JOBS}$", "POST", seconds=30)
    stub.hold = moment if moment not in reply else ""
    stub.faults += [reply[moment]] if moment in reply else []

    def reached() -> bool:
        if moment == "upload":
            return bool(stub.files)
        if moment == "start":
            return bool(stub.jobs)
        return any(job["status"] == moment for job in list(stub.jobs.values()))

    assert not in_a_process_that_dies(partial(teach, taught, cache, Silent()), reached)
    stub.hold = ""
    artifact = teach(taught, cache, Silent())
    assert len(stub.jobs) == 1
    assert [file["purpose"] for file in stub.files.values()] == ["fine-tune", "fine-tune-results"]
    assert model_of(artifact) == next(iter(stub.jobs.values()))["fine_tuned_model"]
    assert read_record(artifact.path)["steps"] == 36
    assert not unfinished(cache, taught).exists()


def test_killed_after_any_request_it_is_trained_once(stub: Stub, cache: Cache) -> None:
    """Killed after the first request, after the second, and so on to the last: each time one job is paid for."""
    stub.honours_idempotency, finished, requests = False, False, 0
    while not finished:
        requests += 1
        taught, last = teaching(stub, seed=requests), len(stub.asked) + requests
        finished = in_a_process_that_dies(partial(teach, taught, cache, Silent()), partial(stub.was_asked, last))
        teach(taught, cache, Silent())
        assert len(stub.jobs) == requests
    assert requests > 8


def test_jobs_run_at_once(stub: Stub, cache: Cache) -> None:
    """All are started before the first is waited for, and one that fails doesn't end the others."""
    teachings = [teaching(stub, seed=seed) for seed in range(3)]
    running: list[int] = []
    at_once = Watched(lambda steps: running.append(len(stub.jobs)))
    outcomes = finetune.teach(teachings, cache, at_once)
    assert set(running) == {3}
    assert [model_of(one) for one in outcomes] == [job["fine_tuned_model"] for job in stub.jobs.values()]  # type: ignore[arg-type]


def test_a_server_that_takes_one_job_at_a_time_gets_them_so(stub: Stub, cache: Cache) -> None:
    """What it refuses as too many is started when those before have ended."""
    stub.most_running = 1
    teachings = [teaching(stub, seed=seed, server=Server(stub.url, retries=0)) for seed in range(3)]
    outcomes = finetune.teach(teachings, cache, Silent())
    assert [job["status"] for job in stub.jobs.values()] == ["succeeded"] * 3
    assert len({one.key for one in outcomes if isinstance(one, Artifact)}) == 3


def test_the_ids_are_on_the_disk_while_the_job_runs(stub: Stub, cache: Cache) -> None:
    """File and job are remembered before the job is looked at for the first time."""
    seen: list[dict[str, str]] = []
    taught = teaching(stub)
    place = unfinished(cache, taught) / "job.json"
    teach(taught, cache, Watched(lambda steps: seen.append(json.loads(place.read_text()))))
    (job,) = stub.jobs.values()
    assert {(one["job"], one["training_file"]) for one in seen} == {(job["id"], job["training_file"])}


def test_ctrl_c_leaves_the_job_and_says_so(stub: Stub, cache: Cache, caplog: pytest.LogCaptureFixture) -> None:
    """The job goes on, its id and the command that cancels it are told, and the same call waits for it again."""
    stub.hold = "running"
    with pytest.raises(KeyboardInterrupt):
        teach(teaching(stub), cache, Watched(lambda steps: signal.raise_signal(signal.SIGINT)))
    (job,) = stub.jobs.values()
    assert f"the fine-tuning job {job['id']} goes on at the server" in caplog.text
    assert f'curl -X POST -H "Authorization: Bearer $OPENAI_API_KEY" {stub.url}{JOBS}/{job["id"]}/cancel' in caplog.text
    assert job["status"] not in ("cancelled", "failed")
    stub.hold = ""
    assert model_of(teach(teaching(stub), cache, Silent())) == job["fine_tuned_model"]
    assert len(stub.jobs) == 1


def test_another_machine_finds_the_finished_job(stub: Stub, tmp_path: Path) -> None:
    """With an empty cache nothing is sent or paid again: the job is known by its label."""
    first = teach(teaching(stub), Cache(tmp_path / "one"), Silent())
    second = teach(teaching(stub), Cache(tmp_path / "two"), Silent())
    assert model_of(second) == model_of(first)
    assert second.hash == first.hash
    assert (stub.count("POST", "/files"), stub.count("POST", JOBS)) == (1, 1)


def test_a_torn_record_is_no_second_job(stub: Stub, cache: Cache) -> None:
    """Where what was remembered can't be read, the job is found by its label."""
    taught = teaching(stub)
    with pytest.raises(KeyboardInterrupt):
        teach(taught, cache, Watched(lambda steps: signal.raise_signal(signal.SIGINT)))
    (unfinished(cache, taught) / "job.json").write_text('{"job": ')
    teach(taught, cache, Silent())
    assert len(stub.jobs) == 1


def test_a_job_that_the_server_does_not_know_is_not_started_again(stub: Stub, cache: Cache) -> None:
    """It may belong to another key: the error says so, and what to delete to pay for another."""
    taught = teaching(stub)
    with pytest.raises(KeyboardInterrupt):
        teach(taught, cache, Watched(lambda steps: signal.raise_signal(signal.SIGINT)))
    stub.jobs.clear()
    for _ in range(2):
        with pytest.raises(TrainingError, match="may belong to another key") as raised:
            teach(taught, cache, Silent())
    assert str(unfinished(cache, taught)) in str(raised.value)
    assert stub.count("POST", JOBS) == 1


def test_a_cancelled_job_is_a_failed_training(stub: Stub, cache: Cache) -> None:
    """Somebody else cancelled it: that is told, and the next call starts another."""

    def cancel(steps: int) -> None:
        for job in stub.jobs.values():
            job["status"] = "cancelled"

    with pytest.raises(TrainingError, match="ended as cancelled: no reason is given"):
        teach(teaching(stub), cache, Watched(cancel))
    teach(teaching(stub), cache, Silent())
    assert [job["status"] for job in stub.jobs.values()] == ["cancelled", "succeeded"]


def test_files_can_be_deleted_afterwards(stub: Stub, cache: Cache) -> None:
    """With keep_files false nothing that was uploaded stays, whether the job succeeds or fails."""
    teach(teaching(stub, settings={"keep_files": False}), cache, Silent())
    stub.job_error = "No."
    with pytest.raises(TrainingError):
        teach(teaching(stub, seed=1, settings={"keep_files": False}), cache, Silent())
    assert [file["purpose"] for file in stub.files.values()] == ["fine-tune-results"]


def test_a_vanished_upload_is_sent_again(stub: Stub, cache: Cache) -> None:
    """An upload of an earlier attempt that the server dropped since is no dead end."""
    taught = teaching(stub)
    stub.faults.append(Fault("403", f"^{JOBS}$", "POST"))
    with pytest.raises(ApiError):
        teach(taught, cache, Silent())
    stub.files.clear()
    stub.honours_idempotency = False
    teach(taught, cache, Silent())
    assert [job["status"] for job in stub.jobs.values()] == ["succeeded"]


def test_the_bar_reaches_its_end(stub: Stub, cache: Cache) -> None:
    """The percents that are told add up to a hundred, step by step."""
    told: list[int] = []
    teach(teaching(stub), cache, Watched(told.append))
    assert sum(told) == 100
    assert len([steps for steps in told if steps]) >= 4


def test_tokens_that_are_not_told_are_not_hidden(stub: Stub, cache: Cache, caplog: pytest.LogCaptureFixture) -> None:
    """A provider that doesn't say what it bills is said to look free."""
    stub.tells_tokens = False
    artifact = teach(teaching(stub), cache, Silent())
    assert "doesn't say how many tokens it bills" in caplog.text
    assert read_record(artifact.path)["trained_tokens"] == 0


def test_means_of_epochs() -> None:
    """Losses are averaged over equal parts of the steps; numbers that weren't told are left out."""
    steps = [{"step": step, "total_steps": 4, "train_loss": 5.0 - step} for step in (2, 1, 4, 3)]
    assert means(steps, "train_loss", 2) == [3.5, 1.5]
    assert means(steps, "valid_loss", 2) == []
    assert means([], "train_loss", 3) == []
    assert means([{"step": 7, "train_loss": 1.0}], "train_loss", 1) == [1.0]


def test_the_recipe_of_the_documentation_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe that docs/api-finetune.md shows is found, and so is the one that the harness brings."""
    text = (Path(__file__).parents[2] / "docs" / "api-finetune.md").read_text(encoding="utf-8")
    ((name, shown),) = re.findall(r"^```yaml file=(\S+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters" / name).write_text(shown, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    _, settings = method_of(load_recipe("ports"))
    assert settings == ApiFinetuneSettings(
        suffix="ports", hyperparameters={"n_epochs": 2}, validation=True, poll_seconds=60, keep_files=False
    )
    method_of(load_recipe("api-finetune"))
