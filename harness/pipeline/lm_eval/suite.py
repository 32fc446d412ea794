"""Tasks of lm-evaluation-harness as a suite, and as retention splits beside another suite."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import InputError
from harness.pipeline.lm_eval.library import library_errors, load_tasks
from harness.pipeline.lm_eval.task import LMEvalTask
from harness.runs import fingerprint
from harness.suite import Case, DecodingSettings, PromptSettings, Split, SplitKind, Suite

PREFIX = "lm_eval:"
NOTHING = "(nothing)"  # stands for a text that is blank, which no case may have
AS_IT_IS = PromptSettings(question="{{ question }}")  # the task words its own prompts


@dataclass(frozen=True)
class LMEvalSuite(Suite):
    """A suite of such tasks. `tasks` are what its splits ask, by the split's name."""

    tasks: Mapping[str, LMEvalTask] = field(default_factory=dict)


def load_lm_eval_suite(name: str, folder: Path | None = None) -> LMEvalSuite:
    """The suite of what `lm_eval:NAME` names: a task, or all those of a group or tag.

    Its in-domain splits are what the library evaluates on. What the tasks have of training and (beside a test split)
    validation is there as such. In `folder` lie task files of the user's own, whose Python code is executed. Raises
    InputError for a name that isn't known, data that can't be loaded, and a task that can't be compared.
    """
    found = [LMEvalTask(task) for task in _named(_bare([name]), folder)]
    splits: dict[str, Split] = {}
    tasks: dict[str, LMEvalTask] = {}
    for task in found:
        alone = len(found) == 1
        for split_name, kind, over in _splits(task):
            key = split_name if alone or kind == "in-domain" else f"{task.name}-{split_name}"
            splits[key], tasks[key] = _split(key, kind, over), over
    longest = max((task.new_tokens for task in found), default=0)
    return LMEvalSuite(
        name=f"lm_eval-{_bare([name])[0]}",
        path=Path(name),
        hash=fingerprint([_hash(task, tasks, splits) for task in tasks]),
        description=f"{name} of lm-evaluation-harness",
        splits=splits,
        prompt=AS_IT_IS,
        decoding=DecodingSettings(max_new_tokens=longest) if longest else DecodingSettings(),
        tasks=tasks,
    )


def retention_suites(names: Sequence[str], beside: Suite, folder: Path | None = None) -> list[LMEvalSuite]:
    """For each task that `names` mean a suite of one retention split, with the corpus that variants of `beside` search.

    So a variant with retrieval is asked the task as it would be in use: after passages of the suite's own corpus.
    Raises as `load_lm_eval_suite` does.
    """
    own = [name for name in _bare(names) if isinstance(beside, LMEvalSuite) and name in beside.tasks]
    if own:
        raise InputError(
            f"{PREFIX}{own[0]} is what the suite asks, so it can't show what is retained beside it. Take it out of one."
        )
    suites = []
    for task in (LMEvalTask(found) for found in _named(_bare(names), folder)):
        split = _split(task.name, "retention", task)
        suites.append(
            LMEvalSuite(
                name="lm_eval",
                path=Path(f"{PREFIX}{task.name}"),
                hash=fingerprint(_hash(task.name, {task.name: task}, {task.name: split})),
                description=f"{PREFIX}{task.name} of lm-evaluation-harness",
                splits={task.name: split},
                documents=beside.documents,
                retrieval=beside.retrieval,
                prompt=AS_IT_IS.model_copy(update={"passage": beside.prompt.passage}),
                tasks={task.name: task},
            )
        )
    return suites


def _bare(names: Sequence[str]) -> list[str]:
    """The names as the library knows them; raises InputError for one that isn't written as such."""
    wrong = [name for name in names if not name.startswith(PREFIX) or name == PREFIX]
    if wrong:
        raise InputError(
            f"{', '.join(map(repr, wrong))} is no task of lm-evaluation-harness as the harness names them. Write "
            f"{PREFIX}TASK, for example {PREFIX}arc_easy."
        )
    return [name.removeprefix(PREFIX) for name in names]


def _named(names: Sequence[str], folder: Path | None) -> list[Any]:
    """The library's tasks that `names` stand for, each once."""
    if not names:
        return []
    found = {task.task_name: task for tasks in load_tasks(names, folder).values() for task in tasks}
    return list(found.values())


def _splits(task: LMEvalTask) -> Iterator[tuple[str, SplitKind, LMEvalTask]]:
    """What the task has: a split's name, its kind, and the task over it. Whole texts teach no answers.

    What it is judged on is neither trained on nor chosen by, whatever the task calls it.
    """
    yield task.name, "in-domain", task
    training, validation = task.split("training"), task.split("validation")
    judged = task.split("test") or validation
    if training and training != judged and not task.rolling:
        yield "train", "train", task.over(training)
    if validation and validation not in (judged, training):
        yield "validation", "validation", task.over(validation)


def _split(name: str, kind: SplitKind, task: LMEvalTask) -> Split:
    if kind != "train" and not any(metric.higher_is_better for metric in task.metrics):
        raise InputError(
            f"{PREFIX}{task.name} has no metric that is a number for each case and higher for better ones, so variants "
            "can't be compared on it. Choose another task, or score it with lm-evaluation-harness itself."
        )
    asked = task.instances(0, 0, task.documents())
    with library_errors(f"{PREFIX}{task.name}: the answer of a document can't be read"):
        cases = [_case(task, one, kind) for one in asked]
    return Split(name, kind, tuple(case for case in cases if case is not None))


def _case(task: LMEvalTask, asked: Sequence[Any], kind: SplitKind) -> Case | None:
    """One document as a case; None where nothing can be learnt of it. Choices are for preferences."""
    question, answer = task.context(asked), task.target(asked)
    choices = task.choices(asked) if kind == "train" else ()
    if kind == "train" and not answer:
        return None
    return Case(
        id=str(asked[0].doc_id),
        question=question if question.strip() else NOTHING,
        references=(answer or NOTHING,),
        choices=choices if answer in choices else (),
    )


def _hash(name: str, tasks: Mapping[str, LMEvalTask], splits: Mapping[str, Split]) -> str:
    """Covers the task that a split asks, and its documents as they are asked."""
    task, split = tasks[name], splits[name]
    return fingerprint([name, split.kind, task.hash(task.instances(0, 0, task.documents()))])
