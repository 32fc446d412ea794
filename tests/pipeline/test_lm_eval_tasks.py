"""Tasks of lm-evaluation-harness asked by this engine: the numbers are those that its own model gives it."""

import ast
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from lm_eval_files import write_tasks

import harness.pipeline
from harness.errors import InputError
from harness.pipeline.config import CompareConfig
from harness.pipeline.find import Finder
from harness.pipeline.lm_eval import LMEvalSuite, load_lm_eval_suite, retention_suites
from harness.pipeline.lm_eval.evaluation import scores
from harness.pipeline.lm_eval.results import write_results
from harness.pipeline.models import Models
from harness.pipeline.plan import Plan, make_plan
from harness.pipeline.predict import Answered, Predictor
from harness.pipeline.prompts import Prompts
from harness.pipeline.score import Scorer
from harness.pipeline.tasks import Task, lm_eval_tasks, validation_tasks
from harness.pipeline.tasks import test_tasks as tasks_of
from harness.runs import Cache
from harness.runs.progress import Silent
from harness.suite import load_suite
from harness.variants import Variant, Weights

LONG = 12  # more examples than the window has room for
COMPARED = ("options", "letters", "blanks", "sums", "last-word", "texts", "same")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tasks(tmp_path_factory.mktemp("tasks"))


@pytest.fixture(scope="module")
def suites(folder: Path) -> dict[str, LMEvalSuite]:
    return {name: load_lm_eval_suite(f"lm_eval:{name}", folder) for name in COMPARED}


class Asked:
    """What a variant of a base says of tasks, through the pipeline's own stages."""

    def __init__(self, suite: Path, base: Path, root: Path, tasks: tuple[Task, ...], variant: str = "base/zero-shot"):
        plan = make_plan(CompareConfig(suite=str(suite), model=str(base), variants=(variant,), out=root / "run"))
        self.plan: Plan = replace(plan, tasks=tasks)
        cache = Cache(root / "cache")
        finder = Finder(self.plan, cache, Silent())
        self.prompts = Prompts(self.plan, finder)
        self.scorer = Scorer(self.plan, finder)
        self.predictor = Predictor(self.plan, self.prompts, cache, Silent())
        self.variant = Variant.parse(variant)

    def answers(self) -> list[Answered]:
        models = Models(self.plan, {}, self.prompts.tokenizer, Weights(), 0)
        return self.predictor.predict(self.variant, 0, models, None, self.plan.tasks)


def peer(base: Path, folder: Path, name: str, shots: int, **more: Any) -> dict[str, Any]:
    """What lm-evaluation-harness says with its own model."""
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    manager = TaskManager(include_path=str(folder), include_defaults=False)
    model = HFLM(pretrained=str(base), batch_size=16, device="cpu", dtype="float32")
    return simple_evaluate(
        model, tasks=[name], num_fewshot=shots, task_manager=manager, bootstrap_iters=0, random_seed=0, **more
    )


def aggregated(results: dict[str, Any], name: str) -> dict[str, float]:
    return {
        key: value
        for key, value in results["results"][name].items()
        if isinstance(value, float) and "stderr" not in key
    }


def assert_as_peer(asked: Asked, answered: Answered, expected: dict[str, Any]) -> None:
    """Contexts, answers, each document's metrics and what they add up to are those of the library's own model."""
    from harness.pipeline.lm_eval.evaluation import evaluate

    task = answered.task.lm_eval
    assert task is not None
    found = evaluate({task: answered})
    assert len(found["samples"][task.name]) == len(expected["samples"][task.name]) > 0
    for one, other in zip(found["samples"][task.name], expected["samples"][task.name], strict=True):
        for key in ("doc_id", "doc", "target", "arguments", "filter", "metrics", "prompt_hash", "target_hash"):
            assert one[key] == other[key]
        assert flat(one["resps"]) == approximately(flat(other["resps"]))
        assert flat(one["filtered_resps"]) == approximately(flat(other["filtered_resps"]))
        for metric in one["metrics"]:
            assert flat(one[metric]) == approximately(flat(other[metric]))
    assert aggregated(found, task.name) == pytest.approx(aggregated(expected, task.name), rel=1e-4)
    by_metric = {metric.name: f"{metric.source},{metric.filter}" for metric in task.metrics}
    rows = asked.scorer.score([answered])
    for name, key in by_metric.items():
        values = [row.value for row in rows if row.metric == name]
        assert len(values) == len(answered.predictions)
        if name not in ("agreement", "byte_likelihood"):
            assert sum(values) / len(values) == pytest.approx(expected["results"][task.name][key], abs=1e-9)


def flat(value: Any) -> list[Any]:
    return [one for inner in value for one in flat(inner)] if isinstance(value, (list, tuple)) else [value]


def approximately(values: list[Any]) -> list[Any]:
    return [pytest.approx(v, abs=1e-3, rel=1e-5) if isinstance(v, float) else v for v in values]


@pytest.mark.parametrize(
    ("name", "shots"),
    [
        *((name, 0) for name in COMPARED),
        *((name, 2) for name in ("options", "letters", "blanks", "last-word")),
        ("letters", LONG),
        ("sums", LONG),
    ],
)
def test_the_numbers_are_those_of_the_library_with_its_own_model(
    name, shots, suites, folder, suite, tiny_base, tmp_path
):
    """Contexts, log-likelihoods, greedy texts, filtered answers, each case's metrics and their sums are the same.

    Those with many shots, and the longer whole texts, don't fit the window.
    """
    variant = f"base/few-shot-{shots}" if shots else "base/zero-shot"
    asked = Asked(suite, tiny_base, tmp_path, tasks_of(suites[name], (), None), variant)
    [answered] = asked.answers()
    assert_as_peer(asked, answered, peer(tiny_base, folder, name, shots))
    made = asked.prompts.asked(answered.task, asked.variant.context, 0).requests
    assert any(one.cut for one in made) == (shots == LONG)
    assert any(len(one.pairs) > 1 for one in made) or name in ("sums", "last-word")


def test_a_limit_asks_what_the_library_asks_with_it(suites, folder, suite, tiny_base, tmp_path):
    """With a limit the first cases are asked, with the examples that the library draws for them."""
    asked = Asked(suite, tiny_base, tmp_path, tasks_of(suites["options"], (), 5), "base/few-shot-3")
    [answered] = asked.answers()
    assert len(answered.predictions) == 5
    assert_as_peer(asked, answered, peer(tiny_base, folder, "options", 3, limit=5))


def test_contexts_that_do_not_fit_are_counted(suites, suite, tiny_base, tmp_path, caplog):
    """How many cases lose their beginning is told, since elsewhere the harness never cuts anything."""
    asked = Asked(suite, tiny_base, tmp_path, tasks_of(suites["options"], (), 4), "base/few-shot-17")
    with caplog.at_level(logging.WARNING, "harness"):
        asked.answers()
    assert "lm_eval:options: 4 of 4 cases are longer than the model's window" in caplog.text


def test_other_seeds_draw_other_examples(suites):
    """Seed 0 draws the examples that the library draws, and each seed the same ones every time."""
    task = suites["options"].tasks["options"]

    def contexts(seed: int) -> list[str]:
        return [asked[0].args[0] for asked in task.instances(2, seed, 6)]

    first = contexts(0)
    assert first != contexts(1)
    task._instances.clear()
    assert contexts(0) == first


def test_passages_come_before_what_the_library_asks(suite, folder, tiny_base, tmp_path):
    """Beside a suite with a corpus its passages are shown before each context, and the rest is the library's own."""
    loaded = load_suite(str(suite))
    tasks = lm_eval_tasks(retention_suites(["lm_eval:blanks", "lm_eval:sums"], loaded, folder), None)
    assert [(task.name, task.split.kind) for task in tasks] == [
        ("lm_eval:blanks", "retention"),
        ("lm_eval:sums", "retention"),
    ]
    asked = Asked(suite, tiny_base, tmp_path, tasks, "base/rag-2")
    decode = asked.prompts.tokenizer.decode
    for task, answered in zip(tasks, asked.answers(), strict=True):
        made = asked.prompts.asked(task, asked.variant.context, 0)
        assert all(len(prediction.passages) == 2 for prediction in answered.predictions)
        for one, instances in zip(made.requests, task.lm_eval.instances(0, 0, len(made.requests)), strict=True):
            own, text = instances[0].args[0], decode(one.ids)
            assert text.startswith("Passage: The ")
            assert text.endswith(own) or own.startswith(text[-20:].strip()) or own.rstrip().endswith(text[-20:])
        assert {row.split for row in asked.scorer.score([answered])} == {task.name}


def test_passages_are_left_out_where_the_window_is_short(suite, folder, tiny_base, tmp_path):
    """Whole passages are left out before anything of the library's context is cut, and counted."""
    tasks = lm_eval_tasks(retention_suites(["lm_eval:options"], load_suite(str(suite)), folder), None)
    asked = Asked(suite, tiny_base, tmp_path, tasks, "base/rag-4+few-shot-11")
    [answered] = asked.answers()
    assert {prediction.dropped > 0 for prediction in answered.predictions} >= {True}
    made = asked.prompts.asked(tasks[0], asked.variant.context, 0)
    assert all(not one.cut for one in made.requests if one.passages)


@pytest.mark.parametrize(
    ("name", "variant", "message"),
    [
        ("texts", "base/few-shot-2", "scores whole texts, which come after nothing"),
        ("texts", "base/rag-2", "no passages can be shown before them"),
        ("same", "base/few-shot-2", "sets their number to 0"),
        ("options", "base/few-shot-40", "what it asks can't be written with 40 shots"),
    ],
)
def test_a_context_that_a_task_has_not_is_refused(name, variant, message, suite, folder, tiny_base, tmp_path):
    """Where a task shows no examples, has too few, or nothing can come before its texts, the context is an error."""
    tasks = lm_eval_tasks(retention_suites([f"lm_eval:{name}"], load_suite(str(suite)), folder), None)
    with pytest.raises(InputError, match=message):
        Asked(suite, tiny_base, tmp_path, tasks, variant).answers()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lm_eval:f1-only", "has no metric that is a number for each case"),
        ("lm_eval:drawn", "ask for do_sample, and the engine writes greedily"),
        ("lm_eval:", "Write lm_eval:TASK"),
    ],
)
def test_a_task_that_can_not_be_compared_is_refused(name, message, folder):
    """Tasks whose metrics aren't numbers of cases, or whose answers are drawn at random, are an error that says so."""
    with pytest.raises(InputError, match=message):
        load_lm_eval_suite(name, folder)


def test_a_missing_library_is_told_with_its_command(folder, monkeypatch):
    """Without the extra the error names the command that installs it."""
    import sys

    monkeypatch.setitem(sys.modules, "lm_eval.tasks", None)
    with pytest.raises(InputError, match=r'pip install "harness\[lm_eval\]"'):
        load_lm_eval_suite("lm_eval:options", folder)


def test_data_that_can_not_be_loaded_are_told(folder, tmp_path):
    """A task whose files are absent is an InputError that names it, not an error of some library."""
    text = (folder / "options.yaml").read_text(encoding="utf-8").replace("/data/", "/elsewhere/")
    (tmp_path / "options.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="lm_eval:options: its data can't be loaded"):
        load_lm_eval_suite("lm_eval:options", tmp_path)


def test_a_suite_has_the_splits_of_its_task(suites):
    """Its test split is in-domain; training and validation splits are there as such, worded as it is asked."""
    loaded = suites["options"]
    assert [(split.name, split.kind) for split in loaded.splits.values()] == [
        ("options", "in-domain"),
        ("train", "train"),
        ("validation", "validation"),
    ]
    assert len(loaded.train) == 18
    assert loaded.train[0].question == "Question: Where is the Falcon, no. 3?\nAnswer:"
    assert loaded.train[0].references == ("Corvo",)
    assert loaded.train[0].choices == ("Corvo", "Dunmere", "Port Estal", "Zürich")
    assert suites["texts"].train == ()
    blank = suites["blanks"].train[0]
    assert blank.question.endswith("since the Old Tom")
    assert blank.references == ("was late then.",)


def test_what_is_judged_is_never_trained_on(folder, tmp_path):
    """A task that names one split for training and testing has no training cases."""
    text = (
        (folder / "options.yaml").read_text(encoding="utf-8").replace("training_split: train", "training_split: test")
    )
    (tmp_path / "options.yaml").write_text(text, encoding="utf-8")
    assert [split.kind for split in load_lm_eval_suite("lm_eval:options", tmp_path).splits.values()] == [
        "in-domain",
        "validation",
    ]


def test_a_task_is_not_retained_beside_itself(folder, suites):
    """The task that a suite asks can't be its retention split too."""
    with pytest.raises(InputError, match="lm_eval:options is what the suite asks"):
        retention_suites(["lm_eval:options"], suites["options"], folder)


def test_what_is_learnt_is_worded_as_what_is_asked(suites, suite, tiny_base, tmp_path):
    """Training prompts are the library's contexts as they are, also where the tokenizer has a chat template."""
    asked = Asked(suite, tiny_base, tmp_path, tasks_of(suites["options"], (), 4))
    asked.prompts.tokenizer.chat_template = "{% for message in messages %}[{{ message['content'] }}]{% endfor %}"
    loaded, task = suites["options"], suites["options"].tasks["train"]
    prompt = asked.prompts.builder(loaded).build(loaded.train[0].question, answer_tokens=8)
    assert prompt.text == task.instances(0, 0, 1)[0][0].args[0]
    assert asked.prompts.builder(load_suite(str(suite))).build("Where?", answer_tokens=8).text.startswith("[")


def test_the_validation_split_is_asked_over_its_own_documents(suites, suite, tiny_base, tmp_path):
    """What settings are chosen by are the task's validation documents, not its test documents."""
    tasks = validation_tasks(suites["options"])
    asked = Asked(suite, tiny_base, tmp_path, tasks)
    asked.answers()
    documents = [one[0].doc["question"] for one in tasks[0].lm_eval.instances(0, 0, 18)]
    assert documents[0] == "Where is the Otter, no. 6?"


def test_a_tag_is_a_suite_of_its_tasks(folder, tmp_path):
    """All tasks of a tag or group are in-domain splits of one suite, each with training cases of its own."""
    for name in ("options", "sums"):
        text = (folder / f"{name}.yaml").read_text(encoding="utf-8")
        (tmp_path / f"{name}.yaml").write_text(text + "tag: both\n", encoding="utf-8")
    loaded = load_lm_eval_suite("lm_eval:both", tmp_path)
    assert {(split.name, split.kind) for split in loaded.splits.values()} >= {
        ("options", "in-domain"),
        ("sums", "in-domain"),
        ("options-train", "train"),
        ("sums-validation", "validation"),
    }
    assert len(loaded.train) == 30
    assert loaded.decoding.max_new_tokens == 24


def test_a_hash_covers_wording_and_data_and_not_the_folder(folder, tmp_path, suites):
    """The suite's hash changes with the task's file and with its documents, and not with where they lie."""
    moved = write_tasks(tmp_path)
    assert load_lm_eval_suite("lm_eval:options", moved).hash == suites["options"].hash
    file = moved / "options.yaml"
    original = file.read_text(encoding="utf-8")
    file.write_text(original.replace("Question: ", "Asked: "), encoding="utf-8")
    reworded = load_lm_eval_suite("lm_eval:options", moved).hash
    file.write_text(original.replace("metric: acc_norm", "metric: acc_bytes"), encoding="utf-8")
    measured = load_lm_eval_suite("lm_eval:options", moved).hash
    file.write_text(original, encoding="utf-8")
    data = moved / "data" / "options-test.jsonl"
    data.write_text(data.read_text(encoding="utf-8").replace("no. 4?", "no. 44?"), encoding="utf-8")
    changed = load_lm_eval_suite("lm_eval:options", moved).hash
    assert len({suites["options"].hash, reworded, measured, changed}) == 4


BOTH = """
from lm_eval.api.instance import Instance
from lm_eval.api.task import ConfigurableTask


class Both(ConfigurableTask):
    def __init__(self, config):
        super().__init__(config={key: value for key, value in config.items() if key != "class"})

    def construct_requests(self, doc, ctx, **kwargs):
        more = {"doc": doc, "metadata": kwargs["metadata"]}
        settings = {"until": ["\\n"], "max_gen_toks": 4}
        return [
            Instance("generate_until", arguments=(ctx, settings), idx=0, **more),
            Instance("loglikelihood", arguments=(ctx, " nowhere"), idx=1, **more),
        ]

    def process_results(self, doc, results):
        text, (loglikelihood, greedy) = results
        return {"written": len(text) / 100, "greedy": greedy or loglikelihood > -35}

    def aggregation(self):
        from lm_eval.api.metrics import mean

        return {"written": mean, "greedy": mean}

    def higher_is_better(self):
        return {"written": True, "greedy": True}
"""


def write_both(folder: Path, own: Path, code: str) -> Path:
    """A folder of one task file like `sums`, whose class stands in Python beside it."""
    content = yaml.safe_load((folder / "sums.yaml").read_text(encoding="utf-8"))
    del content["filter_list"]
    own.mkdir()
    text = yaml.safe_dump({**content, "task": "both"}) + "class: !function both.Both\n"
    (own / "both.yaml").write_text(text, encoding="utf-8")
    (own / "both.py").write_text(code, encoding="utf-8")
    return own


def test_a_task_of_code_asks_both_for_text_and_likelihood(folder, suite, tiny_base, tmp_path):
    """A folder's own Python class is asked as the library asks it: for a text and a likelihood of each document."""
    own = write_both(folder, tmp_path / "own", BOTH)
    tasks = tasks_of(load_lm_eval_suite("lm_eval:both", own), (), None)
    asked = Asked(suite, tiny_base, tmp_path, tasks)
    [answered] = asked.answers()
    assert_as_peer(asked, answered, peer(tiny_base, own, "both", 0))


def test_results_are_written_as_the_library_writes_them(suites, folder, suite, tiny_base, tmp_path):
    """Results and samples lie where its tools look, hold what it writes, and its samples load as a dataset."""
    from datasets import load_dataset
    from lm_eval.utils import get_file_task_name, get_results_filenames, get_sample_results_filenames

    tasks = (*tasks_of(suites["options"], (), None), *tasks_of(suites["last-word"], (), None))
    asked = Asked(suite, tiny_base, tmp_path, tasks)
    answers = asked.answers()
    for _ in range(2):  # a second run replaces what the first one left
        write_results(tmp_path / "run", answers, model="tiny", limit=None)
    files = [str(path) for path in (tmp_path / "run/lm_eval").rglob("*.json*")]
    [results], samples = get_results_filenames(files), get_sample_results_filenames(files)
    assert Path(results).parent.name == "base__zero-shot"
    assert sorted(get_file_task_name(Path(path).name) for path in samples) == ["last-word", "options"]
    content = json.loads(Path(results).read_text(encoding="utf-8"))
    expected = peer(tiny_base, folder, "last-word", 0)
    assert content["results"]["last-word"]["perplexity,none"] == pytest.approx(
        expected["results"]["last-word"]["perplexity,none"], rel=1e-4
    )
    assert {*expected} - {"samples", "pretty_env_info", "git_hash", "upper_git_hash"} <= {*content} | TOKENIZER
    rows = load_dataset("json", data_files=samples[0], split="train", cache_dir=str(tmp_path / "datasets"))
    assert rows[0]["doc_id"] == 0


TOKENIZER = {"tokenizer_pad_token", "tokenizer_eos_token", "tokenizer_bos_token", "eot_token_id", "max_length"}


def test_the_library_is_not_loaded_before_it_is_needed():
    """No module of the pipeline imports the library, which takes seconds, but inside of functions."""
    for path in Path(harness.pipeline.__file__).parent.rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            assert not ast.unparse(node).startswith(("import lm_eval", "from lm_eval")), path


def test_a_value_that_is_no_share_is_unscored(folder, suite, tiny_base, tmp_path):
    """A metric on another scale, which reports would show in percent, is unscored and told with its value."""
    own = write_both(folder, tmp_path / "own", BOTH.replace("len(text) / 100", "100 + len(text)"))
    tasks = tasks_of(load_lm_eval_suite("lm_eval:both", own), (), None)
    [answered] = Asked(suite, tiny_base, tmp_path, tasks).answers()
    written = [one for one in scores(answered, tasks[0].lm_eval) if one.metric == "written"]
    assert written
    assert all(one.value is None and "scores lie in 0 to 1" in one.reason for one in written)
